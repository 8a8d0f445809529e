-- Browsers that are told of an account's payments (RFC 8030). What a message is encrypted with is sealed.

CREATE TABLE push_subscriptions (
  endpoint    TEXT   NOT NULL,
  account_id  TEXT   NOT NULL REFERENCES accounts (id),
  host        TEXT   NOT NULL,
  keys_sealed BLOB NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (endpoint, account_id)
);

CREATE INDEX push_subscriptions_by_account ON push_subscriptions (account_id);

-- What they are to be told, each event once. The counter `push` says up to which event all is written here.

CREATE TABLE push_messages (
  id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  event_id     BIGINT  NOT NULL,
  endpoint     TEXT    NOT NULL,
  account_id   TEXT    NOT NULL,
  payment_id   BIGINT  NOT NULL REFERENCES payments (id),
  kind         TEXT    NOT NULL,
  open         BOOLEAN NOT NULL,
  attempts     BIGINT  NOT NULL,
  next_at      BIGINT  NOT NULL,
  leased_until BIGINT,
  created_at   BIGINT  NOT NULL,
  UNIQUE (event_id, endpoint, account_id)
);

CREATE INDEX push_messages_open ON push_messages (next_at) WHERE open;
