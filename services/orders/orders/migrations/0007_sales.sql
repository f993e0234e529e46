-- Sales that Clover made itself, as they were published to other services.

-- From when on a merchant's sales are published, and the time in Clover up to which all changes were read.
CREATE TABLE sales_watch (
    merchant_id text PRIMARY KEY,
    since       timestamptz NOT NULL,
    read_until  timestamptz NOT NULL,
    sweep_from  timestamptz                     -- where a sweep that is not finished continues
);

CREATE TABLE sale (
    merchant_id     text NOT NULL,
    clover_order_id text NOT NULL,
    position        bigint GENERATED ALWAYS AS IDENTITY,
    currency        text NOT NULL,
    sold_at         timestamptz NOT NULL,
    modified_at     timestamptz NOT NULL,
    missing_since   timestamptz,                -- when Clover first did not find it
    PRIMARY KEY (merchant_id, clover_order_id)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX sale_position ON sale (merchant_id, position);

-- Each line, payment and refund of a sale, with the part of it that counts now.
CREATE TABLE sale_part (
    merchant_id     text NOT NULL,
    clover_order_id text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('line', 'payment', 'refund')),
    part_id         text NOT NULL,
    item_id         text,
    quantity        bigint NOT NULL,            -- in thousandths
    amount          bigint NOT NULL,            -- in minor units; negative for a refund
    PRIMARY KEY (merchant_id, clover_order_id, kind, part_id)
) WITH (fillfactor = 80);
CREATE INDEX sale_part_payment ON sale_part (merchant_id, part_id) WHERE kind = 'payment';

-- Orders of ours are recognised by their id in Clover.
CREATE INDEX source_order_clover_id ON source_order (merchant_id, clover_order_id) WHERE clover_order_id IS NOT NULL;

-- Merchants that are connected already are watched from now on.
INSERT INTO sales_watch (merchant_id, since, read_until) SELECT merchant_id, now(), now() FROM merchant
WHERE connected;
INSERT INTO work (merchant_id, kind, key, priority, due_at) SELECT merchant_id, 'sweep_sales', 'sales', 5, now()
FROM merchant WHERE connected ORDER BY merchant_id;
