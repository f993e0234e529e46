-- The tables of orders.

-- A source order and how far it got in Clover. Outside the US no customer is ever in here.
CREATE TABLE source_order (
    merchant_id        text NOT NULL,
    source_id          text NOT NULL,
    arrival            bigint GENERATED ALWAYS AS IDENTITY,
    received_at        timestamptz NOT NULL,

    channel            text NOT NULL,
    store              text NOT NULL,
    number             text NOT NULL,
    currency           text NOT NULL,
    lines              jsonb NOT NULL,
    total              bigint NOT NULL,
    placed_at          timestamptz NOT NULL,
    customer           bytea,                        -- sealed under order-customer|<merchant>|<source_id>

    reference          text NOT NULL,                -- Clover's externalReferenceId
    wish               text CHECK (wish IN ('complete', 'cancel')),

    state              text NOT NULL DEFAULT 'ready',
    sending            text,                         -- the write whose end is not known
    doubt_since        timestamptz,
    looks              integer NOT NULL DEFAULT 0,
    attempts           integer NOT NULL DEFAULT 0,
    lines_sent         integer NOT NULL DEFAULT 0,
    clover_order_id    text,
    clover_customer_id text,
    reason             text,
    customer_settled   boolean NOT NULL DEFAULT false, -- nothing is left to do for its customer
    doubts             integer NOT NULL DEFAULT 0,   -- writes in a row whose end nobody heard

    PRIMARY KEY (merchant_id, source_id),
    UNIQUE (merchant_id, reference)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX source_order_arrival ON source_order (merchant_id, arrival);
CREATE INDEX source_order_state ON source_order (merchant_id, state, arrival);

-- What happened to an order, for whoever asks where it is.
CREATE TABLE step (
    merchant_id text NOT NULL,
    source_id   text NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    name        text NOT NULL,
    detail      text NOT NULL,
    PRIMARY KEY (merchant_id, source_id, id)
);

-- What the merchant's Clover must have before orders can be sent, as last seen; and until when creating pauses there.
CREATE TABLE setup (
    merchant_id   text PRIMARY KEY,
    order_type_id text,
    tender_id     text,
    checked_at    timestamptz,
    missing_since timestamptz,
    pauses        integer NOT NULL DEFAULT 0,
    paused_until  timestamptz
);

-- Which Clover item a SKU is, as catalog tells it.
CREATE TABLE link (
    merchant_id text NOT NULL,
    sku         text NOT NULL,
    item_id     text NOT NULL,
    PRIMARY KEY (merchant_id, sku)
);
