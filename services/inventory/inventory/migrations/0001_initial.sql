-- The tables of inventory. All quantities are thousandths.

-- Every item Clover has shown or catalog has linked.
CREATE TABLE level (
    merchant_id text NOT NULL,
    item_id     text COLLATE "C" NOT NULL,
    sku         text COLLATE "C" NOT NULL DEFAULT '', -- empty while catalog has not linked the item
    on_hand     bigint,                               -- the sum of its movements; null: nobody ever counted it
    shadow      bigint,                               -- Clover's last count accounted for; null: Clover never showed one
    version     bigint NOT NULL DEFAULT 0,            -- one more with every change; numbers the movements
    stated      boolean NOT NULL DEFAULT false,       -- counted here before Clover showed a count: that one is not added
    PRIMARY KEY (merchant_id, item_id)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX level_sku ON level (merchant_id, sku) WHERE sku <> '';
CREATE INDEX level_pending ON level (merchant_id) WHERE on_hand IS NOT NULL AND on_hand IS DISTINCT FROM shadow;

-- The ledger: why every number is what it is. Rows are only ever added.
CREATE TABLE movement (
    merchant_id text NOT NULL,
    item_id     text COLLATE "C" NOT NULL,
    version     bigint NOT NULL, -- the level's, after this movement
    key         text COLLATE "C" NOT NULL,
    sku         text NOT NULL,
    source      text NOT NULL CHECK (source IN ('clover', 'quicksync')),
    cause       text NOT NULL,
    delta       bigint NOT NULL,
    before      bigint NOT NULL,
    after       bigint NOT NULL CHECK (after = before + delta),
    at          timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, item_id, version),
    UNIQUE (merchant_id, key)
);

-- Writes to Clover, each recorded before its first byte leaves. `fate` is null while it is not known.
CREATE TABLE push (
    push_id        uuid PRIMARY KEY,
    merchant_id    text NOT NULL,
    item_id        text COLLATE "C" NOT NULL,
    base           bigint, -- what Clover showed just before; null: no count
    target         bigint NOT NULL,
    opened_at      timestamptz NOT NULL,
    doubtful_until timestamptz NOT NULL, -- a write not seen in Clover by then is not coming
    fate           text CHECK (fate IN ('applied', 'not_applied')),
    closed_at      timestamptz
);
CREATE UNIQUE INDEX push_open ON push (merchant_id, item_id) WHERE fate IS NULL;
