-- Products are matched by these keys also against products of other batches.

ALTER TABLE product
    ADD COLUMN sku_key text COLLATE "C" NOT NULL DEFAULT '',  -- the SKU without case and spaces
    ADD COLUMN code_key text COLLATE "C" NOT NULL DEFAULT ''; -- the barcode as a GTIN-14

UPDATE product SET sku_key = lower(regexp_replace(normalize(sku, NFKC), '\s', '', 'g')), code_key = CASE
    WHEN barcode IS NULL OR barcode ~ '^0*$' THEN ''
    WHEN barcode ~ '^[0-9]+$' THEN lpad(ltrim(barcode, '0'), greatest(14, length(ltrim(barcode, '0'))), '0')
    ELSE lower(regexp_replace(normalize(barcode, NFKC), '\s', '', 'g')) END;

CREATE INDEX product_seeking_sku ON product (merchant_id, sku_key) WHERE item_id IS NULL;
CREATE INDEX product_seeking_code ON product (merchant_id, code_key) WHERE item_id IS NULL AND code_key <> '';
