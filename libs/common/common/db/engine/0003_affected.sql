-- The things that a problem affects, each with its reason, and the time since which work fails.

ALTER TABLE work
    ADD COLUMN subject text NOT NULL DEFAULT '',
    ADD COLUMN failing_since timestamptz;
CREATE INDEX work_affected ON work (merchant_id, problem, id) WHERE problem IS NOT NULL AND subject <> '';

ALTER TABLE problem ADD COLUMN failing_since timestamptz;
