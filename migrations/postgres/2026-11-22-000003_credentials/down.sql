DROP TABLE credentials;
DROP TABLE acls;
