DROP TABLE tier_orders;
