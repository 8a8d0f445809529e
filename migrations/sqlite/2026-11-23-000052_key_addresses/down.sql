DELETE FROM outbox WHERE payment_id IS NULL;
ALTER TABLE webhook_deliveries DROP COLUMN about;
ALTER TABLE outbox DROP COLUMN about;
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql, 'payment_id   BIGINT,', 'payment_id   BIGINT  NOT NULL,')
  WHERE type = 'table' AND name = 'outbox';
PRAGMA writable_schema = RESET;
DROP TABLE key_addresses;
