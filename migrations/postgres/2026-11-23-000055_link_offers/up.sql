-- A pay link may ask for an amount of a currency, in thousandths of its unit; then its amounts in millisatoshi bound
-- nothing. It may ask who pays: `payer_data` says what of him, as JSON.
ALTER TABLE links ADD COLUMN currency TEXT;
ALTER TABLE links ADD COLUMN min_milli BIGINT NOT NULL DEFAULT 0;
ALTER TABLE links ADD COLUMN max_milli BIGINT NOT NULL DEFAULT 0;
ALTER TABLE links ADD COLUMN payer_data TEXT;
