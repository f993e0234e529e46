-- The tables of catalog under the field's usual names, and the problem a product is held under on its own row.

ALTER TABLE connection RENAME COLUMN token TO sealed_token;
ALTER TABLE connection RENAME COLUMN email TO sealed_email;

ALTER TABLE grants RENAME COLUMN since TO started_at;

ALTER TABLE product RENAME COLUMN sent TO last_pushed;
ALTER TABLE product ADD COLUMN held_problem text; -- set while the product waits for a person
ALTER TABLE product ADD COLUMN held_reason text;  -- why, in words for the merchant

UPDATE product SET held_problem = work.problem, held_reason = work.error
FROM work
WHERE work.kind = 'push_product' AND work.held
    AND work.merchant_id = product.merchant_id AND work.key = product.product_id;
