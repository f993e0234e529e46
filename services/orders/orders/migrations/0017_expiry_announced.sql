-- Whether an order waits under the problem that announces its expiry. Each is counted there by itself.
ALTER TABLE source_order ADD COLUMN expiry_announced boolean NOT NULL DEFAULT false;
CREATE INDEX source_order_expiry_announced ON source_order (merchant_id, arrival) WHERE expiry_announced;
