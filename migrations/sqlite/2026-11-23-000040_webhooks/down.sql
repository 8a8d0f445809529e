DROP INDEX outbox_to_report;
ALTER TABLE outbox DROP COLUMN to_report;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_endpoints;
