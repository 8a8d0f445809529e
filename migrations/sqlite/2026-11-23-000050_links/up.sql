-- LNURL links of wallets: whoever has one pays the wallet, or is paid by it. The id is the secret in the link.

CREATE TABLE links (
  id              TEXT    NOT NULL PRIMARY KEY,
  wallet_id       TEXT    NOT NULL REFERENCES wallets (id),
  kind            TEXT    NOT NULL CHECK (kind IN ('pay', 'withdraw')),
  title           TEXT    NOT NULL,
  min_msat        BIGINT  NOT NULL CHECK (min_msat > 0),
  max_msat        BIGINT  NOT NULL CHECK (max_msat >= min_msat),
  comment_max     BIGINT  NOT NULL,
  success_message TEXT,
  success_url     TEXT,
  webhook         TEXT,
  uses            BIGINT  NOT NULL,
  used            BIGINT  NOT NULL CHECK (used >= 0 AND (kind = 'pay' OR used <= uses)),
  pause_seconds   BIGINT  NOT NULL,
  open_until      BIGINT,
  last_used_at    BIGINT,
  enabled         BOOLEAN NOT NULL,
  created_at      BIGINT  NOT NULL,
  updated_at      BIGINT  NOT NULL
);

CREATE INDEX links_by_wallet ON links (wallet_id, created_at);

-- Invoices that were handed in at a withdraw link, each once: a use was taken for it in the same transaction. It is
-- open until its payment has ended; a payment that failed gives the use back. Outlives its link. Whoever pays it has
-- it for himself until `check_at`.
CREATE TABLE link_claims (
  payment_hash TEXT    NOT NULL PRIMARY KEY,
  link_id      TEXT    NOT NULL,
  wallet_id    TEXT    NOT NULL REFERENCES wallets (id),
  bolt11       TEXT    NOT NULL,
  memo         TEXT    NOT NULL,
  open         BOOLEAN NOT NULL,
  check_at     BIGINT  NOT NULL,
  checks       BIGINT  NOT NULL,
  created_at   BIGINT  NOT NULL
);

CREATE INDEX link_claims_open ON link_claims (check_at) WHERE open;
