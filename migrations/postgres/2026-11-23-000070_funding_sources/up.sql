-- Every funding source that was ever in use: who it is, and how to open it again for what is still open there.
-- The settings are sealed.

CREATE TABLE funding_sources (
  name            TEXT   NOT NULL PRIMARY KEY,
  class           TEXT   NOT NULL,
  network         TEXT   NOT NULL,
  identity        TEXT   NOT NULL,
  settings_sealed BYTEA  NOT NULL,
  chosen_at       BIGINT NOT NULL
);
