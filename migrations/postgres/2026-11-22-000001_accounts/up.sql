-- People, their login sessions, and the server's own counters.

CREATE TABLE accounts (
  id               TEXT    NOT NULL PRIMARY KEY,
  username         TEXT,
  username_key     TEXT    UNIQUE,
  email            TEXT,
  email_key        TEXT    UNIQUE,
  password_hash    TEXT,
  pubkey           TEXT    UNIQUE,
  external_id      TEXT,
  provider         TEXT    NOT NULL,
  super_user       BOOLEAN NOT NULL,
  activated        BOOLEAN NOT NULL,
  email_verified   BOOLEAN NOT NULL,
  tier             TEXT    NOT NULL,
  extra            TEXT    NOT NULL,
  ui_customization TEXT    NOT NULL,
  created_at       BIGINT  NOT NULL,
  updated_at       BIGINT  NOT NULL
);

-- There is one super user.
CREATE UNIQUE INDEX one_super_user ON accounts (super_user) WHERE super_user;

CREATE TABLE sessions (
  id         TEXT   NOT NULL PRIMARY KEY,
  account_id TEXT   NOT NULL REFERENCES accounts (id),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  user_agent TEXT   NOT NULL,
  last_used_at BIGINT,
  last_used_ip TEXT
);

CREATE INDEX sessions_by_account ON sessions (account_id);

-- `credentials` counts every change that ends or alters a credential; other names hold positions
-- in the event streams of funding sources.
CREATE TABLE counters (
  name  TEXT   NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);
