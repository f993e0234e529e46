-- Marks dead letters that only a newer version can read, so that its start retries them.
ALTER TABLE dead_letter ADD COLUMN from_newer boolean NOT NULL DEFAULT false;
