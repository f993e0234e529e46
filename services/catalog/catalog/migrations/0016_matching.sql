-- Products for whose item a person must decide, what a person decided, and what items had before they were linked.

ALTER TABLE product ADD COLUMN matching text NOT NULL DEFAULT 'automatic'
    CHECK (matching IN ('automatic', 'apart', 'create')); -- apart: a person unlinked it; create: it gets an item of its own
CREATE INDEX product_apart ON product (merchant_id, product_id) WHERE matching = 'apart';

CREATE TABLE link_conflict (
    merchant_id text NOT NULL,
    product_id  text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    item_ids    text[] NOT NULL,
    product_ids text[] NOT NULL, -- other products that may be linked to these items
    proposal    text,            -- the item to link; null: create one
    by_barcode  boolean NOT NULL,
    PRIMARY KEY (merchant_id, product_id),
    FOREIGN KEY (merchant_id, product_id) REFERENCES product ON DELETE CASCADE
);

-- A decision, until the process that works for the merchant has carried it out.
CREATE TABLE link_choice (
    merchant_id text NOT NULL,
    product_id  text COLLATE "C" NOT NULL,
    choice      text NOT NULL CHECK (choice IN ('link', 'create', 'apart')),
    item_id     text,
    position    bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (merchant_id, product_id),
    FOREIGN KEY (merchant_id, product_id) REFERENCES product ON DELETE CASCADE
);

-- The fields that an item had when it was linked, and what is to be written to it once it is linked no more.
CREATE TABLE item_former (
    merchant_id text NOT NULL REFERENCES merchant,
    item_id     text COLLATE "C" NOT NULL,
    fields      jsonb NOT NULL,
    written     jsonb, -- what we wrote over them; null while the item is linked
    PRIMARY KEY (merchant_id, item_id)
);
