DROP TABLE hold_invoices;
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql,
  'CHECK (amount_msat > 0 OR (kind = ''invoice'' AND amount_msat = 0 AND status <> ''success'') OR kind = ''external''',
  'CHECK (amount_msat > 0 OR kind = ''external''')
  WHERE type = 'table' AND name = 'payments';
PRAGMA writable_schema = RESET;
