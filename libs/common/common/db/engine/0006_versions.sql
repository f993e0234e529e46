-- Copies of catalog's merchants and links carry the version of catalog's row, so that an older event changes nothing.

ALTER TABLE merchant
    ADD COLUMN version   bigint NOT NULL DEFAULT 0,
    ADD COLUMN connected boolean NOT NULL DEFAULT true,
    ADD COLUMN fetched   boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN merchant.version IS 'version of catalog''s row; grows with every change';
COMMENT ON COLUMN merchant.connected IS 'false: a tombstone, which an older event does not overwrite';
COMMENT ON COLUMN merchant.fetched IS 'saved from an answer of catalog; the event of this version is still to be handled';

-- The last link of every Clover item that ever had one. Catalog owns it, the other services keep a copy.
CREATE TABLE item_link (
    merchant_id text NOT NULL,
    item_id     text COLLATE "C" NOT NULL,
    sku         text COLLATE "C" NOT NULL,
    product_id  text NOT NULL,
    version     bigint NOT NULL,
    linked      boolean NOT NULL,
    replaced_by text,
    PRIMARY KEY (merchant_id, item_id)
) WITH (fillfactor = 80);
CREATE INDEX item_link_sku ON item_link (merchant_id, sku, version DESC);
COMMENT ON COLUMN item_link.version IS 'unique and growing within the merchant';
COMMENT ON COLUMN item_link.linked IS 'false: a tombstone, which an older event does not overwrite';
COMMENT ON COLUMN item_link.replaced_by IS 'the item that takes over from an unlinked one';

-- In catalog the last version given to a link of the merchant; elsewhere the version up to which links were compared.
CREATE TABLE link_position (
    merchant_id text PRIMARY KEY,
    version     bigint NOT NULL
) WITH (fillfactor = 50);
