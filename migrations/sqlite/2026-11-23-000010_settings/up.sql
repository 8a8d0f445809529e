-- What the super user set; whatever is not here has its default. `value` is JSON; a secret's is `sealed` instead.
-- The counter `settings` moves with every change.
CREATE TABLE settings (
  name       TEXT   NOT NULL PRIMARY KEY,
  value      TEXT,
  sealed     BLOB,
  updated_at BIGINT NOT NULL,
  CHECK ((value IS NULL) <> (sealed IS NULL))
);

-- What the house takes for a payment: agreed when its money is held, gone when it fails. `booked_id` is the record
-- of it in the wallet that gets it, written with the settlement.
CREATE TABLE service_fees (
  payment_id  BIGINT NOT NULL PRIMARY KEY REFERENCES payments (id),
  wallet_id   TEXT   NOT NULL REFERENCES wallets (id),
  amount_msat BIGINT NOT NULL CHECK (amount_msat > 0),
  booked_id   BIGINT UNIQUE REFERENCES payments (id)
);
