-- Lists of products are filtered by text, status, link and problem.

-- The words of a product, each behind its merchant's id: so one index finds the words of one merchant that begin like a
-- text, without an extension. Words are what stands between spaces and ASCII punctuation.
ALTER TABLE product ADD COLUMN words tsvector GENERATED ALWAYS AS (
    to_tsvector(
        'simple',
        regexp_replace(
            name || ' ' || sku || ' ' || coalesce(barcode, '') || ' ' || product_id,
            '[\s!-/:-@[-`{-~]*([^\s!-/:-@[-`{-~]+)[\s!-/:-@[-`{-~]*', ' m' || merchant_id || '\1', 'g'
        )
    )
) STORED;
CREATE INDEX product_words ON product USING gin (words);
CREATE INDEX product_status ON product (merchant_id, status, product_id);
CREATE INDEX product_held ON product (merchant_id, held_problem, product_id) WHERE held_problem IS NOT NULL;
CREATE INDEX product_unlinked ON product (merchant_id, product_id) WHERE item_id IS NULL;
