-- What the engine keeps in every service's schema. Applied by each service's first migration.

-- Events that must be published: a row is deleted once the broker has confirmed it.
CREATE TABLE outbox (
    id       uuid PRIMARY KEY,
    type     text NOT NULL,
    body     bytea NOT NULL,
    at       timestamptz NOT NULL,
    trace    text NOT NULL,
    due_at   timestamptz NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    attempts integer NOT NULL DEFAULT 0,
    error    text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX outbox_due ON outbox (due_at, position);

-- Messages whose effect is in our tables: a second delivery meets its id here and changes nothing.
CREATE TABLE inbox (
    id          uuid PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_received ON inbox (received_at);

-- Messages that could not be handled yet: due_at says when they are tried again; without it they wait for a person.
CREATE TABLE parked (
    id        uuid PRIMARY KEY,
    type      text NOT NULL,
    body      bytea NOT NULL,
    at        timestamptz NOT NULL,
    trace     text NOT NULL,
    attempts  integer NOT NULL,
    due_at    timestamptz,
    reason    text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX parked_due ON parked (due_at) WHERE due_at IS NOT NULL;

-- What is to be done outside: one row per thing, however often it was asked for; seq counts the asking.
CREATE TABLE work (
    merchant_id text NOT NULL,
    kind        text NOT NULL,
    key         text NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    priority    smallint NOT NULL,
    due_at      timestamptz NOT NULL,
    seq         integer NOT NULL DEFAULT 1,
    attempts    integer NOT NULL DEFAULT 0,
    held        boolean NOT NULL DEFAULT false,
    problem     text,
    error       text,
    marked_at   timestamptz NOT NULL DEFAULT now(),
    trace       text NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, kind, key)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX work_due ON work (merchant_id, due_at) WHERE NOT held;
CREATE INDEX work_next ON work (merchant_id, priority, id) WHERE NOT held;
CREATE INDEX work_problem ON work (merchant_id, problem) WHERE problem IS NOT NULL;

-- When the first row of each merchant is due: one step per merchant through the index, however many rows each has.
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

-- Who alone may act for a merchant (or relay the outbox) until when; the token fences off whoever lost it. What is
-- released meanwhile is counted by problem: whoever is at work must not hold under it what they began before.
CREATE TABLE lease (
    name     text PRIMARY KEY,
    token    uuid NOT NULL,
    until    timestamptz NOT NULL,
    releases jsonb NOT NULL DEFAULT '{}'
);

-- Problems this service has open: how many rows of work wait for each, how many went through since. Each change is a
-- revision, so that one told late is not taken for the last.
CREATE TABLE problem (
    merchant_id text NOT NULL,
    code        text NOT NULL,
    subject     text NOT NULL,
    since       timestamptz NOT NULL,
    waiting     integer NOT NULL,
    done        integer NOT NULL DEFAULT 0,
    revision    integer NOT NULL DEFAULT 1,
    PRIMARY KEY (merchant_id, code, subject)
);

-- The merchants whose Clover is connected, as catalog tells it.
CREATE TABLE merchant (
    merchant_id text PRIMARY KEY,
    account_id  text NOT NULL,
    region      text NOT NULL,
    currency    text NOT NULL,
    timezone    text NOT NULL
);

-- The last codes with which somebody, Clover we hope, asked to verify the webhook's address, until they are shown to
-- whoever runs us.
CREATE TABLE webhook_code (
    code        text PRIMARY KEY,
    received_at timestamptz NOT NULL
);
