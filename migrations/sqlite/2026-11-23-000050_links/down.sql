DROP TABLE link_claims;
DROP TABLE links;
