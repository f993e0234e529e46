-- An undo gives item groups their names back, and removes what was created in Clover beside items.

-- The name that an item group had before QuickSync renamed it.
CREATE TABLE item_group_former (
    merchant_id   text NOT NULL REFERENCES merchant,
    item_group_id text COLLATE "C" NOT NULL,
    name          text NOT NULL,
    written       text,             -- what we wrote over it, once it is to be restored
    undo_id       uuid,             -- the undo that restores it
    product_id    text COLLATE "C", -- a product of the group that this undo restored or deleted
    PRIMARY KEY (merchant_id, item_group_id)
);

-- The attributes, options, categories and tags that QuickSync created for products.
CREATE TABLE created_part (
    merchant_id   text NOT NULL REFERENCES merchant,
    kind          text NOT NULL CHECK (kind IN ('attributes', 'options', 'categories', 'tags')),
    part_id       text COLLATE "C" NOT NULL,
    name_key      text NOT NULL,                  -- the name without case and further spaces
    item_group_id text COLLATE "C",               -- of an attribute and an option
    attribute_id  text,                           -- of an option
    number        bigint NOT NULL,                -- drawn when it was created, as the numbers of reads
    is_given_up   boolean NOT NULL DEFAULT false, -- an undo removes it once nothing uses it
    PRIMARY KEY (merchant_id, kind, part_id)
);
CREATE INDEX created_part_of_group ON created_part (merchant_id, item_group_id) WHERE item_group_id IS NOT NULL;
CREATE INDEX created_part_given_up ON created_part (merchant_id) WHERE is_given_up;

-- Drawn before the first change: what was created with a higher number was not there before.
ALTER TABLE change_set ADD COLUMN number bigint;

-- The undo that restores an item, and its product.
ALTER TABLE item_former ADD COLUMN undo_id uuid, ADD COLUMN product_id text COLLATE "C";
CREATE INDEX item_former_of_undo ON item_former (merchant_id, undo_id) WHERE undo_id IS NOT NULL;

ALTER TABLE item_former ADD COLUMN deleting_since timestamptz; -- when the last call to delete it began
