-- The engine's columns and tables under the field's usual names.

ALTER TABLE parked RENAME TO dead_letter;
ALTER TABLE dead_letter RENAME COLUMN parked_at TO failed_at;
ALTER INDEX parked_pkey RENAME TO dead_letter_pkey;
ALTER INDEX parked_due RENAME TO dead_letter_due;

ALTER TABLE work RENAME COLUMN marked_at TO queued_at;

ALTER TABLE problem RENAME COLUMN since TO opened_at;
ALTER TABLE problem RENAME COLUMN done TO resumed_count;

ALTER TABLE lease RENAME COLUMN until TO expires_at;
