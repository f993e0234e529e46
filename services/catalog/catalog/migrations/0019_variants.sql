-- Variants: products of one parent, whose items are members of one item group in Clover.

ALTER TABLE product ADD COLUMN parent_id text COLLATE "C";  -- the caller's id of the parent of a variant
ALTER TABLE product ADD COLUMN options jsonb;               -- the variant's values by the names of its options
ALTER TABLE product ADD COLUMN item_group_id text;          -- the item group of the linked item; it never leaves it
ALTER TABLE product ADD COLUMN is_outside_group boolean NOT NULL DEFAULT false; -- a person linked an item of another structure
CREATE INDEX product_of_parent ON product (merchant_id, parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE product_group (
    merchant_id    text NOT NULL REFERENCES merchant,
    parent_id      text COLLATE "C" NOT NULL,
    name           text NOT NULL,
    option_names   text[] NOT NULL,  -- in the order in which they are shown
    item_group_id  text,             -- the item group in Clover, once it is known
    shown_name     text,             -- its name in Clover, as it was read or written last
    attributes     jsonb,            -- its attributes and their options in Clover; null: to be read
    creating_since timestamptz,      -- a create of the group or of a part of it has no answer
    PRIMARY KEY (merchant_id, parent_id),
    UNIQUE (merchant_id, item_group_id)
);

ALTER TABLE item ADD COLUMN options jsonb; -- of a variant: the values by the names of its options; null: to be read
CREATE INDEX item_of_group ON item (merchant_id, group_id) WHERE group_id IS NOT NULL;

-- Products that were linked to a member of a group before.
UPDATE product SET item_group_id = item.group_id
FROM item WHERE item.merchant_id = product.merchant_id AND item.item_id = product.item_id AND item.group_id IS NOT NULL;
