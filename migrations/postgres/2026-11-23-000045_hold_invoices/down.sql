DROP TABLE hold_invoices;
ALTER TABLE payments DROP CONSTRAINT payments_amount;
ALTER TABLE payments ADD CHECK (amount_msat > 0 OR kind = 'external' OR kind = 'internal' OR kind = 'debit') NOT VALID;
