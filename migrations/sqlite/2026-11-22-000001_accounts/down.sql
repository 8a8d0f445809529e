DROP TABLE counters;
DROP TABLE sessions;
DROP TABLE accounts;
