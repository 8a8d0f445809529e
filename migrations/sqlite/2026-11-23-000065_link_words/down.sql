ALTER TABLE links DROP COLUMN secret_sealed;
ALTER TABLE links DROP COLUMN description;
