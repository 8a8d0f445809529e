-- From where each key was used: `key` names it (`admin/<wallet>`, `invoice/<wallet>`, `credential/<id>`).

CREATE TABLE key_addresses (
  key     TEXT   NOT NULL,
  address TEXT   NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (key, address)
);

-- An event need not be about a payment; then `about` says what it is about, as JSON.
ALTER TABLE outbox ALTER COLUMN payment_id DROP NOT NULL;
ALTER TABLE outbox ADD COLUMN about TEXT;
ALTER TABLE webhook_deliveries ADD COLUMN about TEXT;
