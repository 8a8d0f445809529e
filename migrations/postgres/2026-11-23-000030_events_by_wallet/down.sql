DROP INDEX outbox_by_wallet;
