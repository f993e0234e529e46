-- The tables and the view from which the engine found due merchants before it had `due_merchant`.
CREATE TABLE work (
    merchant_id text NOT NULL,
    kind        text NOT NULL,
    key         text NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    priority    smallint NOT NULL,
    due_at      timestamptz NOT NULL,
    held        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (merchant_id, kind, key)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX work_due ON work (merchant_id, due_at) WHERE NOT held;
CREATE INDEX work_next ON work (merchant_id, priority, id) WHERE NOT held;

CREATE TABLE lease (
    name       text PRIMARY KEY,
    token      uuid NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE VIEW first_due AS
WITH RECURSIVE merchants AS (
    (SELECT merchant_id FROM work WHERE NOT held ORDER BY merchant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT w.merchant_id FROM work w WHERE NOT held AND w.merchant_id > m.merchant_id ORDER BY 1 LIMIT 1)
    FROM merchants m WHERE m.merchant_id IS NOT NULL
)
SELECT m.merchant_id, first.due_at FROM merchants m
CROSS JOIN LATERAL (
    SELECT due_at FROM work w WHERE w.merchant_id = m.merchant_id AND NOT held ORDER BY due_at LIMIT 1
) first;
