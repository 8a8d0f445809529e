-- Wishes to be in another tier: granted, once, when the invoice of this hash is paid.

CREATE TABLE tier_orders (
  payment_hash TEXT   NOT NULL PRIMARY KEY,
  account_id   TEXT   NOT NULL REFERENCES accounts (id),
  tier         TEXT   NOT NULL,
  price_msat   BIGINT NOT NULL CHECK (price_msat > 0),
  created_at   BIGINT NOT NULL,
  applied_at   BIGINT
);

CREATE INDEX tier_orders_by_account ON tier_orders (account_id);
CREATE INDEX tier_orders_open ON tier_orders (created_at) WHERE applied_at IS NULL;
