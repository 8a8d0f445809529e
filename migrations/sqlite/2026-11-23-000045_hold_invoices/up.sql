-- An invoice may leave its amount to the payer: then it is zero until it is paid. SQLite cannot alter a CHECK, but
-- what it says about new rows may be rewritten where it stands (https://sqlite.org/lang_altertable.html, "other kinds
-- of table schema changes"): no row changes, and it takes no time however many there are.
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql,
  'CHECK (amount_msat > 0 OR kind = ''external''',
  'CHECK (amount_msat > 0 OR (kind = ''invoice'' AND amount_msat = 0 AND status <> ''success'') OR kind = ''external''')
  WHERE type = 'table' AND name = 'payments';
PRAGMA writable_schema = RESET;

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
