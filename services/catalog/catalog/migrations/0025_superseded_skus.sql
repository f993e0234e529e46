-- A file may name a product by the SKU that its caller stated, which an edit in Clover replaced.
CREATE INDEX product_superseded_sku ON product (merchant_id, (superseded ->> 'sku')) WHERE superseded ? 'sku';
