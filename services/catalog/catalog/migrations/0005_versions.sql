-- Merchants and links get the versions by which the other services tell newer from older.

ALTER TABLE merchant ADD COLUMN erase_before timestamptz;
COMMENT ON COLUMN merchant.erase_before IS 'personal data stored before this time is to be erased in every service';
UPDATE merchant SET version = 1, connected = EXISTS (
    SELECT FROM connection WHERE connection.merchant_id = merchant.merchant_id
);

-- A deleted item keeps its link until another one takes over.
INSERT INTO item_link (merchant_id, item_id, sku, product_id, version, linked)
SELECT merchant_id, coalesce(item_id, deleted_item_id), coalesce(last_pushed ->> 'sku', sku), product_id,
    row_number() OVER (PARTITION BY merchant_id ORDER BY product_id), true
FROM product WHERE coalesce(item_id, deleted_item_id) IS NOT NULL
ON CONFLICT DO NOTHING;
INSERT INTO link_position (merchant_id, version) SELECT merchant_id, max(version) FROM item_link GROUP BY merchant_id;

CREATE UNIQUE INDEX item_link_version ON item_link (merchant_id, version);
CREATE INDEX item_link_product ON item_link (merchant_id, product_id) WHERE linked;
