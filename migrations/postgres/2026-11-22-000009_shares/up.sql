-- Wallets that are used by others than their owners.

-- A mirror: a wallet of a member with keys of its own, which open the wallet of somebody else as far as a
-- share allows. It never holds money itself.
ALTER TABLE wallets ADD COLUMN source_wallet_id TEXT REFERENCES wallets (id)
  CONSTRAINT mirror_has_no_balance_msat CHECK (source_wallet_id IS NULL OR balance_msat = 0);

-- `id` names the share; `budget_id` names what it spends of its budget: the shares of one invitation have one.
CREATE TABLE shares (
  id               TEXT    NOT NULL PRIMARY KEY,
  wallet_id        TEXT    NOT NULL REFERENCES wallets (id),
  account_id       TEXT    NOT NULL REFERENCES accounts (id),
  invitee          TEXT    NOT NULL,
  may_view         BOOLEAN NOT NULL,
  may_receive      BOOLEAN NOT NULL,
  may_send         BOOLEAN NOT NULL,
  may_manage       BOOLEAN NOT NULL,
  role             TEXT    NOT NULL CHECK (role IN ('view', 'operate', 'admin', 'custom')),
  limits           TEXT    NOT NULL,
  budget_id        TEXT    NOT NULL,
  status           TEXT    NOT NULL CHECK (status IN ('invited', 'active', 'disabled')),
  mirror_wallet_id TEXT    REFERENCES wallets (id),
  invited_by       TEXT    NOT NULL REFERENCES accounts (id),
  accepted_at      BIGINT,
  created_at       BIGINT  NOT NULL,
  updated_at       BIGINT  NOT NULL,
  CHECK (status <> 'active' OR accepted_at IS NOT NULL)
);

-- Nobody has two shares of one wallet.
CREATE UNIQUE INDEX one_share_per_member ON shares (wallet_id, account_id);
CREATE INDEX shares_by_account ON shares (account_id);
