-- Second factors, passkeys, reset keys, and who looks through whose eyes.

ALTER TABLE sessions ADD COLUMN impersonated_by TEXT;

CREATE TABLE totp (
  account_id    TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id),
  secret_sealed BYTEA NOT NULL,
  enabled       BOOLEAN NOT NULL,
  last_step     BIGINT  NOT NULL,
  above_sat     BIGINT  CHECK (above_sat >= 0),
  created_at    BIGINT  NOT NULL
);

CREATE TABLE recovery_codes (
  account_id TEXT  NOT NULL REFERENCES accounts (id),
  code_hash BYTEA NOT NULL,
  PRIMARY KEY (account_id, code_hash)
);

CREATE TABLE passkeys (
  id            TEXT   NOT NULL PRIMARY KEY,
  account_id    TEXT   NOT NULL REFERENCES accounts (id),
  name          TEXT   NOT NULL,
  credential_id BYTEA NOT NULL UNIQUE,
  static_state BYTEA NOT NULL,
  dynamic_state BYTEA NOT NULL,
  created_at    BIGINT NOT NULL,
  last_used_at  BIGINT
);

CREATE INDEX passkeys_by_account ON passkeys (account_id);

-- What a browser was asked to sign; taken away by the first answer.
CREATE TABLE challenges (
  id         TEXT   NOT NULL PRIMARY KEY,
  kind       TEXT   NOT NULL CHECK (kind IN ('register', 'login')),
  account_id TEXT,
  state BYTEA NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX challenges_by_end ON challenges (expires_at);

CREATE TABLE reset_keys (
  account_id TEXT   NOT NULL PRIMARY KEY REFERENCES accounts (id),
  key_hash BYTEA NOT NULL UNIQUE,
  expires_at BIGINT NOT NULL
);

-- Which key signs session tokens, and since when; key 0 is the one from before the first rotation.
CREATE TABLE session_keys (
  number BIGINT NOT NULL PRIMARY KEY,
  since  BIGINT NOT NULL
);
