DROP TABLE alarms;
DROP TABLE outbox;
DROP TABLE entries;
DROP FUNCTION refuse_change();
DROP TABLE payments;
DROP TABLE wallets;
