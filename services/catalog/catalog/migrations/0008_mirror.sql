-- The mirror of Clover's items: each as it was read or written last. An item that was deleted in Clover stays as a row.

CREATE SEQUENCE item_read; -- numbers the reads of items in their order, over all processes

CREATE TABLE item (
    merchant_id     text NOT NULL REFERENCES merchant,
    item_id         text COLLATE "C" NOT NULL,
    name            text NOT NULL,
    sku             text NOT NULL,
    price           bigint NOT NULL,
    hidden          boolean NOT NULL,
    code            text NOT NULL,
    alternate_name  text NOT NULL,
    price_type      text NOT NULL,
    unit_name       text NOT NULL,
    cost            bigint,
    age_restricted  boolean NOT NULL,
    group_id        text,             -- the item group of a variant
    category_ids    text[],           -- null, as the next two, until an answer showed them
    tag_ids         text[],
    tax_rate_ids    text[],
    modified_at     bigint NOT NULL,  -- Clover's modifiedTime, in milliseconds
    read_number     bigint NOT NULL,  -- drawn before the read or write that showed the item like this
    deleted_at      timestamptz,      -- when it was found deleted in Clover
    sku_key         text COLLATE "C" NOT NULL, -- the SKU without case and spaces
    code_key        text COLLATE "C" NOT NULL, -- the barcode as a GTIN-14
    second_code_key text COLLATE "C" NOT NULL, -- the other reading of an eight-digit barcode
    PRIMARY KEY (merchant_id, item_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX item_by_sku ON item (merchant_id, sku_key) WHERE deleted_at IS NULL AND sku_key <> '';
CREATE INDEX item_by_code ON item (merchant_id, code_key) WHERE deleted_at IS NULL AND code_key <> '';
CREATE INDEX item_by_second_code ON item (merchant_id, second_code_key)
    WHERE deleted_at IS NULL AND second_code_key <> '';

-- How complete a merchant's mirror is.
CREATE TABLE item_mirror (
    merchant_id  text PRIMARY KEY REFERENCES merchant,
    completed_at timestamptz,              -- when all items had been read for the first time since the connection
    changes_from bigint NOT NULL DEFAULT 0 -- the modifiedTime from which the next read of changes begins
);
