-- Links known so far count as older than any of catalog's; the first comparison brings their versions.

INSERT INTO item_link (merchant_id, item_id, sku, product_id, version, linked)
SELECT merchant_id, item_id, sku, '', 0, true FROM level WHERE sku <> '';
