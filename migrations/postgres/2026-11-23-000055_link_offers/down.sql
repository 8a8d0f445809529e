-- without their currency they would ask for any amount at all
UPDATE links SET enabled = false WHERE currency IS NOT NULL;
ALTER TABLE links DROP COLUMN payer_data;
ALTER TABLE links DROP COLUMN max_milli;
ALTER TABLE links DROP COLUMN min_milli;
ALTER TABLE links DROP COLUMN currency;
