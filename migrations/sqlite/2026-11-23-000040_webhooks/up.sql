-- Where a wallet's events are reported to. An empty list of events means all of them.

CREATE TABLE webhook_endpoints (
  id              TEXT    NOT NULL PRIMARY KEY,
  wallet_id       TEXT    NOT NULL REFERENCES wallets (id),
  url             TEXT    NOT NULL,
  description     TEXT    NOT NULL,
  events          TEXT    NOT NULL,
  enabled         BOOLEAN NOT NULL,
  secret_sealed   BLOB    NOT NULL,
  previous_sealed BLOB,
  previous_until  BIGINT,
  created_at      BIGINT  NOT NULL,
  updated_at      BIGINT  NOT NULL
);

CREATE INDEX webhook_endpoints_by_wallet ON webhook_endpoints (wallet_id, created_at);

-- What is to be reported, and what became of it. Without an endpoint it goes where the payment itself says; without a
-- payment it is a test. Nothing of the report itself is kept: it is written anew for each attempt.

CREATE TABLE webhook_deliveries (
  id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  endpoint_id  TEXT REFERENCES webhook_endpoints (id),
  wallet_id    TEXT    NOT NULL,
  payment_id   BIGINT,
  event_id     BIGINT  NOT NULL,
  kind         TEXT    NOT NULL,
  balance_msat BIGINT  NOT NULL,
  happened_at  BIGINT  NOT NULL,
  state        TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts     BIGINT  NOT NULL,
  next_at      BIGINT  NOT NULL,
  leased_until BIGINT,
  last_status  BIGINT,
  last_error   TEXT,
  created_at   BIGINT  NOT NULL,
  updated_at   BIGINT  NOT NULL
);

CREATE INDEX webhook_deliveries_open ON webhook_deliveries (next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (endpoint_id, event_id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, id);

-- True until what is to be reported of an event stands in the table above.
ALTER TABLE outbox ADD COLUMN to_report BOOLEAN NOT NULL DEFAULT false;

CREATE INDEX outbox_to_report ON outbox (id) WHERE to_report;
