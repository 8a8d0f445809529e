-- What is handed out once: named API keys, tokens of access lists, keys of anonymous sessions.

CREATE TABLE acls (
  id         TEXT   NOT NULL PRIMARY KEY,
  account_id TEXT   NOT NULL REFERENCES accounts (id),
  name       TEXT   NOT NULL,
  entries    TEXT   NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE INDEX acls_by_account ON acls (account_id);

CREATE TABLE credentials (
  id             TEXT   NOT NULL PRIMARY KEY,
  kind           TEXT   NOT NULL CHECK (kind IN ('api_key', 'acl_token', 'anonymous')),
  account_id     TEXT   NOT NULL REFERENCES accounts (id),
  minted_by      TEXT   REFERENCES credentials (id),
  name           TEXT   NOT NULL,
  secret_hash    BYTEA  NOT NULL,
  previous_hash  BYTEA,
  previous_until BIGINT,
  scope          TEXT   NOT NULL CHECK (scope IN ('full', 'read', 'stats', 'receive', 'acl')),
  acl_id         TEXT,
  wallets        TEXT,
  limits         TEXT   NOT NULL,
  created_at     BIGINT NOT NULL,
  expires_at     BIGINT,
  revoked_at     BIGINT,
  last_used_at   BIGINT,
  last_used_ip   TEXT,
  CHECK ((scope = 'acl') = (acl_id IS NOT NULL))
);

CREATE INDEX credentials_by_account ON credentials (account_id);
CREATE INDEX credentials_by_acl ON credentials (acl_id) WHERE acl_id IS NOT NULL;
