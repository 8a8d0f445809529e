DROP TABLE shares;
ALTER TABLE wallets DROP COLUMN source_wallet_id;
