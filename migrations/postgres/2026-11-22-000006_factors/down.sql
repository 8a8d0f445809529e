DROP TABLE session_keys;
DROP TABLE reset_keys;
DROP TABLE challenges;
DROP TABLE passkeys;
DROP TABLE recovery_codes;
DROP TABLE totp;
ALTER TABLE sessions DROP COLUMN impersonated_by;
