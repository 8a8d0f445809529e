DROP TABLE nostr_events;
DROP TABLE identities;
