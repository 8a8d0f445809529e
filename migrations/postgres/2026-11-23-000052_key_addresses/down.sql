DELETE FROM outbox WHERE payment_id IS NULL;
ALTER TABLE webhook_deliveries DROP COLUMN about;
ALTER TABLE outbox DROP COLUMN about;
ALTER TABLE outbox ALTER COLUMN payment_id SET NOT NULL;
DROP TABLE key_addresses;
