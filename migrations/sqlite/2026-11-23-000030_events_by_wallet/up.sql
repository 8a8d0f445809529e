-- A wallet's events from a position on.
CREATE INDEX outbox_by_wallet ON outbox (wallet_id, id);
