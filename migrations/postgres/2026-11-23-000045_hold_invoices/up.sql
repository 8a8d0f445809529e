-- An invoice may leave its amount to the payer: then it is zero until it is paid.
DO $$
DECLARE old TEXT;
BEGIN
  SELECT conname INTO STRICT old FROM pg_constraint
    WHERE conrelid = 'payments'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%amount_msat > 0%';
  EXECUTE format('ALTER TABLE payments DROP CONSTRAINT %I', old);
END $$;
-- the rows that are there have met a stricter one
ALTER TABLE payments ADD CONSTRAINT payments_amount CHECK (amount_msat > 0
  OR (kind = 'invoice' AND amount_msat = 0 AND status <> 'success')
  OR kind = 'external' OR kind = 'internal' OR kind = 'debit') NOT VALID;

-- Invoices whose money is held when it arrives, until their wallet settles or cancels them. Money of a wallet here is
-- held by the payment `payer_id`; other money is held by the node.
CREATE TABLE hold_invoices (
  payment_id  BIGINT  NOT NULL PRIMARY KEY REFERENCES payments (id),
  state       TEXT    NOT NULL CHECK (state IN ('open', 'accepted', 'settling', 'settled', 'cancelling', 'cancelled')),
  amount_msat BIGINT  NOT NULL,
  payer_id    BIGINT  UNIQUE REFERENCES payments (id),
  deadline    BIGINT,
  alarmed     BOOLEAN NOT NULL,
  updated_at  BIGINT  NOT NULL
);
