-- What credentials spent of their budgets. A window is a day, a week or a month of a credential's budget; what
-- it spent is the sum of its charges, one for each payment: what is held, or what was spent in the end.

CREATE TABLE budget_windows (
  credential_id TEXT   NOT NULL,
  window_start  BIGINT NOT NULL,
  spent_msat    BIGINT NOT NULL CHECK (spent_msat >= 0),
  PRIMARY KEY (credential_id, window_start)
);

CREATE TABLE budget_charges (
  payment_id    BIGINT NOT NULL REFERENCES payments (id),
  credential_id TEXT   NOT NULL,
  window_start  BIGINT NOT NULL,
  amount_msat   BIGINT NOT NULL CHECK (amount_msat >= 0),
  PRIMARY KEY (payment_id, credential_id)
);

-- Requests that carry an Idempotency-Key, and what was answered. Nothing here is in clear: the key and the values
-- of the request are keyed hashes, the answer is sealed.
CREATE TABLE idempotency (
  key_hash    BYTEA  NOT NULL PRIMARY KEY,
  fields      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  lease_until BIGINT NOT NULL,
  response    BYTEA,
  created_at  BIGINT NOT NULL
);

CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- The key under which a payment was asked for: it is made once, whoever else believes that it was not.
ALTER TABLE payments ADD COLUMN idempotency BYTEA;

CREATE UNIQUE INDEX one_payment_per_idempotency_key ON payments (idempotency) WHERE idempotency IS NOT NULL;
