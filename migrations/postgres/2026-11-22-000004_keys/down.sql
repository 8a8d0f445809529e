DROP TABLE old_secret_uses;
DROP TABLE acl_makers;
