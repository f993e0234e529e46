-- The versions that cannot read a dead letter: a replica of any other version tries it at once.
ALTER TABLE dead_letter ADD COLUMN unreadable_by text[] NOT NULL DEFAULT '{}';
UPDATE dead_letter SET unreadable_by = '{unknown}' WHERE from_newer;
ALTER TABLE dead_letter DROP COLUMN from_newer;
CREATE INDEX dead_letter_unreadable ON dead_letter (failed_at) WHERE unreadable_by <> '{}';
