-- Administrators beside the super user, and accounts that were deleted: their wallets keep their money, so that
-- the row stays, without a name and without any way to log in.
ALTER TABLE accounts ADD COLUMN admin BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE accounts ADD COLUMN deleted_at BIGINT;

CREATE INDEX accounts_by_age ON accounts (created_at, id);
