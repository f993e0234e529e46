-- An order is identified by channel, store and source id, of which its reference is a keyed hash. Stores outside the US
-- may be stored without personal details, so that only the reference identifies an order.

ALTER TABLE source_order DROP CONSTRAINT source_order_pkey, DROP CONSTRAINT source_order_merchant_id_reference_key;
ALTER TABLE source_order ADD PRIMARY KEY (merchant_id, reference);
CREATE INDEX source_order_source_id ON source_order (merchant_id, source_id);

ALTER TABLE timeline ADD COLUMN reference text;
UPDATE timeline SET reference = source_order.reference FROM source_order
WHERE source_order.merchant_id = timeline.merchant_id AND source_order.source_id = timeline.source_id;
ALTER TABLE timeline DROP CONSTRAINT timeline_pkey, DROP COLUMN source_id;
ALTER TABLE timeline ADD PRIMARY KEY (merchant_id, reference, id);

UPDATE work SET key = source_order.reference FROM source_order
WHERE work.kind = 'push_order' AND work.merchant_id = source_order.merchant_id AND work.key = source_order.source_id;

-- Customers are sealed under the reference. Those sealed under the source id cannot be opened here; nothing is released.
UPDATE source_order SET customer = NULL, customer_settled = true WHERE customer IS NOT NULL;

-- `revision` grows with each correction, so that no write is sent for an order as it was before.
ALTER TABLE source_order
    ADD COLUMN revision integer NOT NULL DEFAULT 0,
    ADD COLUMN units integer NOT NULL DEFAULT 0,             -- shown by lists, which do not read the lines
    ADD COLUMN refused_skus text[] NOT NULL DEFAULT '{}',    -- whose items Clover did not take
    ADD COLUMN lines_a_call integer NOT NULL DEFAULT 100;    -- halved until the refused item stands alone
UPDATE source_order SET
    units = (SELECT sum((line ->> 'quantity')::integer) FROM jsonb_array_elements(lines) AS line),
    refused_skus = CASE WHEN items_dropped
        THEN ARRAY(SELECT DISTINCT line ->> 'sku' FROM jsonb_array_elements(lines) AS line) ELSE '{}' END;
ALTER TABLE source_order DROP COLUMN items_dropped, ALTER COLUMN units DROP DEFAULT;

-- An item that is gone from Clover is not named again before catalog links the SKU anew.
ALTER TABLE link ADD COLUMN broken boolean NOT NULL DEFAULT false;
