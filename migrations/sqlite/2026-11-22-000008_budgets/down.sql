DROP INDEX one_payment_per_idempotency_key;
ALTER TABLE payments DROP COLUMN idempotency;
DROP TABLE idempotency;
DROP TABLE budget_charges;
DROP TABLE budget_windows;
