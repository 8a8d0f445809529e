-- Logins of other houses that open an account here, and Nostr events that were used to log in.

CREATE TABLE identities (
  provider   TEXT   NOT NULL,
  subject    TEXT   NOT NULL,
  account_id TEXT   NOT NULL REFERENCES accounts (id),
  email      TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (provider, subject)
);

CREATE INDEX identities_by_account ON identities (account_id);

-- Kept as long as their signature could be presented again.
CREATE TABLE nostr_events (
  id      TEXT   NOT NULL PRIMARY KEY,
  seen_at BIGINT NOT NULL
);

CREATE INDEX nostr_events_by_age ON nostr_events (seen_at);
