-- The merchants with work, each with the time at which a worker should look at it. Marks set it in their transaction; the
-- end of a turn sets it anew. A merchant that cools down is not ready before `cools_until`, whatever is marked meanwhile.
CREATE TABLE due_merchant (
    merchant_id text PRIMARY KEY,
    due_at      timestamptz NOT NULL,
    cools_until timestamptz NOT NULL DEFAULT '-infinity',
    failures    integer NOT NULL DEFAULT 0, -- turns in a row that ended in a cool-down
    ready_at    timestamptz NOT NULL GENERATED ALWAYS AS (greatest(due_at, cools_until)) STORED
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX due_merchant_ready ON due_merchant (ready_at);

-- One range for each priority of a merchant, so that neither postponed rows nor a backlog slow the due ones.
CREATE INDEX work_due_by_priority ON work (merchant_id, priority, due_at, id) WHERE NOT held;
DROP INDEX work_due;
DROP INDEX work_next;

-- Read by builds of before this script, which still run during an upgrade.
CREATE OR REPLACE VIEW first_due AS
WITH RECURSIVE merchants AS (
    (SELECT merchant_id FROM work WHERE NOT held ORDER BY merchant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT w.merchant_id FROM work w WHERE NOT held AND w.merchant_id > m.merchant_id ORDER BY 1 LIMIT 1)
    FROM merchants m WHERE m.merchant_id IS NOT NULL
)
SELECT m.merchant_id, min(first.due_at) AS due_at
FROM merchants m CROSS JOIN unnest('{0, 5, 9}'::smallint[]) AS level (priority) CROSS JOIN LATERAL (
    SELECT due_at FROM work w
    WHERE w.merchant_id = m.merchant_id AND w.priority = level.priority AND NOT held ORDER BY due_at LIMIT 1
) first
GROUP BY m.merchant_id;

INSERT INTO due_merchant (merchant_id, due_at) SELECT merchant_id, due_at FROM first_due;

-- Leases of processes that were killed are deleted by their age.
CREATE INDEX lease_expired ON lease (expires_at);
