-- From where each key was used: `key` names it (`admin/<wallet>`, `invoice/<wallet>`, `credential/<id>`).

CREATE TABLE key_addresses (
  key     TEXT   NOT NULL,
  address TEXT   NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (key, address)
);

-- An event need not be about a payment; then `about` says what it is about, as JSON. What the table says about new rows
-- is rewritten where it stands: see hold_invoices.
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql, 'payment_id   BIGINT  NOT NULL,', 'payment_id   BIGINT,')
  WHERE type = 'table' AND name = 'outbox';
PRAGMA writable_schema = RESET;

ALTER TABLE outbox ADD COLUMN about TEXT;
ALTER TABLE webhook_deliveries ADD COLUMN about TEXT;
