-- Orders as real stores have them: what is charged beside the lines, and the taxes of the merchant with which an order
-- is written. A store need not say when an order was placed.

ALTER TABLE source_order
    ADD COLUMN charges jsonb NOT NULL DEFAULT '{}',  -- discounts, shipping, fees, taxes, tips, payments, refunds
    ADD COLUMN taxes jsonb,                          -- as far as its rows name them; set when it is created in Clover
    ALTER COLUMN placed_at DROP NOT NULL;
ALTER TABLE setup ADD COLUMN taxes jsonb;
