DROP TABLE alarms;
DROP TABLE outbox;
DROP TABLE entries;
DROP TABLE payments;
DROP TABLE wallets;
