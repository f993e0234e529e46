-- The checks of each merchant's setup in Clover, and whether its webhooks arrive.

CREATE TABLE setup_check (
    merchant_id   text NOT NULL REFERENCES merchant,
    name          text NOT NULL,
    state         text NOT NULL CHECK (state IN ('ok', 'failed', 'unknown')),
    detail        text NOT NULL,
    checked_at    timestamptz NOT NULL,
    failing_since timestamptz, -- the time under which its problem is reported
    PRIMARY KEY (merchant_id, name)
);
ALTER TABLE connection ADD COLUMN heard_at timestamptz;    -- the last webhook, to within ten minutes
ALTER TABLE connection ADD COLUMN provoked_at timestamptz; -- a change of our own that should bring one

INSERT INTO work (merchant_id, kind, key, priority, due_at)
SELECT merchant_id, 'check_setup', 'setup', 9, now() FROM connection
ON CONFLICT DO NOTHING;
