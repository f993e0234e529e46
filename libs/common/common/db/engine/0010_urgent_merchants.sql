-- Merchants with work that is more urgent than background work are found first, by an index of their own.
ALTER TABLE due_merchant ADD COLUMN urgent_due_at timestamptz NOT NULL DEFAULT 'infinity',
    ADD COLUMN urgent_at timestamptz NOT NULL GENERATED ALWAYS AS (greatest(urgent_due_at, cools_until)) STORED;

-- The first look at each merchant finds out what it has.
UPDATE due_merchant SET urgent_due_at = due_at;

CREATE INDEX due_merchant_urgent ON due_merchant (urgent_at) WHERE urgent_due_at < 'infinity';
