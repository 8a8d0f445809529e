-- Who asked for what, and what came of it. Each line's hash covers the line before it (domain/audit.rs), so
-- that a line which is removed, altered or moved is found. Lines go only from the front, by age.

CREATE TABLE audit (
  id             BIGINT NOT NULL PRIMARY KEY,
  created_at     BIGINT NOT NULL,
  duration_us    BIGINT NOT NULL,
  component      TEXT   NOT NULL,
  request_method TEXT   NOT NULL,
  path           TEXT   NOT NULL,
  request_path   TEXT,
  details        TEXT,
  response_code  BIGINT NOT NULL,
  account_id     TEXT,
  family         TEXT,
  credential_id  TEXT,
  ip_address     TEXT,
  request_id     TEXT   NOT NULL,
  delete_at      BIGINT NOT NULL,
  hash           BLOB   NOT NULL
);

-- The two ends of the chain: the last line that age took away, and the newest. One row.
CREATE TABLE audit_chain (
  id         BIGINT NOT NULL PRIMARY KEY,
  first      BIGINT NOT NULL,
  first_hash BLOB   NOT NULL,
  last       BIGINT NOT NULL,
  last_hash  BLOB   NOT NULL,
  mac        BLOB   NOT NULL
);
