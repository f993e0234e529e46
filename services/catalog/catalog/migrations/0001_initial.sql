-- The tables of catalog.

-- How we may speak to a merchant's Clover. What the merchant is stands in the engine's table `merchant`.
CREATE TABLE connection (
    merchant_id  text PRIMARY KEY REFERENCES merchant,
    name         text NOT NULL,
    token        bytea NOT NULL, -- sealed for `clover-token|<merchant_id>`
    email        bytea NOT NULL, -- sealed for `account-email|<merchant_id>`
    connected_at timestamptz NOT NULL
);

-- Who may call Clover how fast until when, and who waits to. At most a few dozen rows, all of the last seconds.
CREATE TABLE grants (
    merchant_id text NOT NULL,
    holder      uuid NOT NULL, -- one process; asking again for the merchant renews its grant
    grant_id    uuid NOT NULL UNIQUE,
    service     text NOT NULL,
    state       text NOT NULL CHECK (state IN ('holding', 'waiting', 'returned')),
    rate        double precision NOT NULL,
    concurrency integer NOT NULL,
    since       timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, holder)
) WITH (fillfactor = 50);

-- Products as QuickSync has them, and what Clover was last given of each.
CREATE TABLE product (
    merchant_id    text NOT NULL REFERENCES merchant,
    product_id     text COLLATE "C" NOT NULL,
    name           text NOT NULL,
    sku            text NOT NULL,
    price          bigint NOT NULL CHECK (price >= 0),
    currency       text NOT NULL,
    status         text NOT NULL CHECK (status IN ('active', 'draft', 'inactive', 'archived')),
    barcode        text,
    updated_at     timestamptz NOT NULL,
    item_id        text,        -- the Clover item, once it is linked
    sent           jsonb,       -- the item's fields as Clover last had them
    creating_since timestamptz, -- a create was begun whose end is not known
    creating_sku   text,        -- the SKU it was begun with
    PRIMARY KEY (merchant_id, product_id),
    UNIQUE (merchant_id, sku),
    UNIQUE (merchant_id, item_id)
);
