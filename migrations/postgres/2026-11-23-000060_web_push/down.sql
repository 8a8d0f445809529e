DROP TABLE push_messages;
DROP TABLE push_subscriptions;
DELETE FROM counters WHERE name = 'push';
