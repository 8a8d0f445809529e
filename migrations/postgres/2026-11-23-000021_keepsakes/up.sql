-- Short names for long addresses, by the wallet that made them.

CREATE TABLE tiny_urls (
  id         TEXT    NOT NULL PRIMARY KEY,
  wallet_id  TEXT    NOT NULL REFERENCES wallets (id),
  url        TEXT    NOT NULL,
  endless    BOOLEAN NOT NULL,
  created_at BIGINT  NOT NULL
);

CREATE INDEX tiny_urls_by_wallet ON tiny_urls (wallet_id, created_at);

-- Pictures that users keep here, as the server wrote them anew. The picture itself is the last column, so that
-- lists do not read it.

CREATE TABLE assets (
  id             TEXT    NOT NULL PRIMARY KEY,
  account_id     TEXT    NOT NULL REFERENCES accounts (id),
  mime_type      TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  is_public      BOOLEAN NOT NULL,
  size_bytes     BIGINT  NOT NULL,
  thumbnail      BYTEA    NOT NULL,
  thumbnail_type TEXT    NOT NULL,
  created_at     BIGINT  NOT NULL,
  data           BYTEA    NOT NULL
);

CREATE INDEX assets_by_account ON assets (account_id, created_at);
