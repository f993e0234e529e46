-- What Clover has of each product's item, as it was read, and items that were deleted in Clover.

ALTER TABLE product ADD COLUMN deleted_item_id text;                     -- the linked item, once Clover no longer has it
ALTER TABLE product ADD COLUMN seen jsonb;                               -- the item's fields when it was last read
ALTER TABLE product ADD COLUMN puts integer NOT NULL DEFAULT 0;          -- counts the requests for this version
ALTER TABLE product ADD COLUMN puts_checked integer NOT NULL DEFAULT 0;  -- the last of them that was compared with Clover

-- A product whose item was deleted does not keep its SKU from another product.
ALTER TABLE product DROP CONSTRAINT product_merchant_id_sku_key;
CREATE UNIQUE INDEX product_sku ON product (merchant_id, sku) WHERE deleted_item_id IS NULL;
CREATE INDEX product_without_item ON product (merchant_id, sku) WHERE deleted_item_id IS NOT NULL;

INSERT INTO work (merchant_id, kind, key, priority, due_at)
SELECT merchant_id, 'sweep_items', 'all', 9, now() FROM connection;
