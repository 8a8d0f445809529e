-- Money. What must never happen is forbidden here, whatever the program does.

CREATE TABLE wallets (
  id                 TEXT    NOT NULL PRIMARY KEY,
  account_id         TEXT    NOT NULL REFERENCES accounts (id),
  name               TEXT    NOT NULL,
  admin_key_hash     BLOB    NOT NULL UNIQUE,
  admin_key_sealed   BLOB    NOT NULL,
  invoice_key_hash   BLOB    NOT NULL UNIQUE,
  invoice_key_sealed BLOB    NOT NULL,
  balance_msat       BIGINT  NOT NULL CHECK (balance_msat BETWEEN 0 AND 2100000000000000000),
  currency           TEXT,
  lightning_address  TEXT    UNIQUE,
  extra              TEXT    NOT NULL,
  stored_paylinks    TEXT    NOT NULL,
  deleted            BOOLEAN NOT NULL,
  created_at         BIGINT  NOT NULL,
  updated_at         BIGINT  NOT NULL
);

CREATE INDEX wallets_by_account ON wallets (account_id);

-- The words are compared one by one: for a list of more than two SQLite fills a table with each row that is written.
CREATE TABLE payments (
  id              INTEGER NOT NULL PRIMARY KEY,
  wallet_id       TEXT    NOT NULL REFERENCES wallets (id),
  kind            TEXT    NOT NULL CHECK (kind = 'invoice' OR kind = 'external' OR kind = 'internal' OR kind = 'top_up' OR kind = 'debit'
    OR kind = 'service_fee'),
  status          TEXT    NOT NULL CHECK (status = 'pending' OR status = 'success' OR status = 'failed'),
  checking_id     TEXT    NOT NULL,
  payment_hash    TEXT    NOT NULL,
  amount_msat     BIGINT  NOT NULL,
  fee_msat        BIGINT  NOT NULL CHECK (fee_msat >= 0),
  hold_msat       BIGINT  NOT NULL CHECK (hold_msat >= 0),
  fee_limit_msat  BIGINT  NOT NULL CHECK (fee_limit_msat >= 0),
  memo            TEXT    NOT NULL,
  bolt11          TEXT    NOT NULL,
  preimage_sealed BLOB,
  expires_at      BIGINT  NOT NULL,
  webhook         TEXT,
  webhook_status  TEXT,
  tag             TEXT,
  extension       TEXT,
  labels          TEXT    NOT NULL,
  extra           TEXT    NOT NULL,
  external_id     TEXT,
  failure         TEXT,
  source          TEXT    NOT NULL,
  source_ref      TEXT,
  created_at      BIGINT  NOT NULL,
  updated_at      BIGINT  NOT NULL,
  dispatched_at   BIGINT,
  next_check_at   BIGINT,
  checks          BIGINT  NOT NULL DEFAULT 0,
  CHECK (hold_msat = 0 OR (kind = 'external' AND status = 'pending')),
  CHECK (amount_msat > 0 OR kind = 'external' OR kind = 'internal' OR kind = 'debit')
);

-- A page of a wallet's list, and its length, are read off this index alone, down to the rows that are shown.
CREATE INDEX payments_by_wallet ON payments (wallet_id, created_at, id, status);
CREATE INDEX payments_to_check ON payments (next_check_at) WHERE next_check_at IS NOT NULL;

-- A payment hash is issued once, and paid from here once: only a failed attempt makes room for another.
CREATE UNIQUE INDEX one_invoice_per_hash ON payments (payment_hash) WHERE kind = 'invoice';
CREATE UNIQUE INDEX one_live_attempt_per_hash ON payments (payment_hash)
  WHERE kind IN ('external', 'internal') AND status <> 'failed';
-- What these two leave out, so that every payment is found by its hash (see queries/places.rs).
CREATE INDEX other_payments_by_hash ON payments (payment_hash)
  WHERE kind = 'top_up' OR kind = 'debit' OR kind = 'service_fee' OR status = 'failed';

-- The journal: every movement as legs that add up to zero. `book` is a wallet's id or one of the
-- server's own books: lightning, holds, operator, suspense, loss. The primary key makes booking the
-- same thing twice impossible.
CREATE TABLE entries (
  payment_id  BIGINT NOT NULL REFERENCES payments (id),
  kind        TEXT   NOT NULL,
  book        TEXT   NOT NULL,
  amount_msat BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (payment_id, kind, book)
) WITHOUT ROWID;

CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;

CREATE TRIGGER entries_are_never_removed BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;

-- What happened, in order, for those who want to be told.
CREATE TABLE outbox (
  id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  wallet_id    TEXT    NOT NULL,
  payment_id   BIGINT  NOT NULL,
  kind         TEXT    NOT NULL,
  balance_msat BIGINT  NOT NULL,
  created_at   BIGINT  NOT NULL
);

-- What a person has to look at: never deleted by the program. `source` names the funding source that
-- sends nothing more until the alarm is acknowledged; it is empty where nothing is stopped.
CREATE TABLE alarms (
  id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  payment_id      BIGINT,
  kind            TEXT    NOT NULL,
  source          TEXT,
  detail          TEXT    NOT NULL,
  created_at      BIGINT  NOT NULL,
  acknowledged_at BIGINT,
  acknowledged_by TEXT,
  note            TEXT,
  CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
);

-- Asked by every payment that leaves the server, so that it must stay as short as the list of open alarms.
CREATE INDEX open_alarms ON alarms (source, id) WHERE acknowledged_at IS NULL;
