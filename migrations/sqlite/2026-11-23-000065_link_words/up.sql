-- What a pay link says at length (LUD-20), and what it has for whoever has paid (LUD-10), sealed.
ALTER TABLE links ADD COLUMN description TEXT;
ALTER TABLE links ADD COLUMN secret_sealed BLOB;
