-- Who made an access list, where that was not a login: a handed-out credential changes only its own lists.

CREATE TABLE acl_makers (
  acl_id        TEXT NOT NULL PRIMARY KEY REFERENCES acls (id) ON DELETE CASCADE,
  credential_id TEXT NOT NULL REFERENCES credentials (id)
);

-- When the secret before the last rotation was last used: who has not changed over yet?

CREATE TABLE old_secret_uses (
  credential_id TEXT   NOT NULL PRIMARY KEY REFERENCES credentials (id),
  last_used_at  BIGINT NOT NULL,
  last_used_ip  TEXT
);
