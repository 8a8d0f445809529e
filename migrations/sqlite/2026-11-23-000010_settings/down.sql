DROP TABLE service_fees;
DROP TABLE settings;
