-- What the merchant chose for orders with SKUs that are not linked: send them as custom lines, or hold the order.
ALTER TABLE setup ADD COLUMN unlinked_skus text NOT NULL DEFAULT 'send' CHECK (unlinked_skus IN ('send', 'hold'));
