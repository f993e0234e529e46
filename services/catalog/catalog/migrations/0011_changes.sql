-- What requests have changed of products, so that it can be listed and undone.

CREATE TABLE change_set (
    merchant_id text NOT NULL REFERENCES merchant,
    change_id   uuid NOT NULL,                -- sorts by time
    kind        text NOT NULL CHECK (kind IN ('batch', 'import', 'undo')),
    started_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    is_complete boolean NOT NULL DEFAULT true, -- false for an undo that goes on
    new         integer NOT NULL DEFAULT 0,    -- these four count rows, for an undo products
    changed     integer NOT NULL DEFAULT 0,
    unchanged   integer NOT NULL DEFAULT 0,
    refused     integer NOT NULL DEFAULT 0,
    skipped     integer NOT NULL DEFAULT 0,    -- products of which an undo left a field as it was
    undoes      uuid,                          -- the changes that this undo restores
    undone_by   uuid,                          -- the undo that restores these changes
    PRIMARY KEY (merchant_id, change_id)
);

-- Only the fields that differ. A new product has no values before.
CREATE TABLE change (
    merchant_id text NOT NULL,
    change_id   uuid NOT NULL,
    product_id  text COLLATE "C" NOT NULL,
    before      jsonb,
    after       jsonb NOT NULL,
    skipped     text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (merchant_id, change_id, product_id),
    FOREIGN KEY (merchant_id, change_id) REFERENCES change_set ON DELETE CASCADE
);
