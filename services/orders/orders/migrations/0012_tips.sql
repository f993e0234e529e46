-- The tips that were recorded in Clover with payments, which nothing changes. Before, each was recorded as it was sent.
ALTER TABLE source_order ADD COLUMN recorded_tip bigint NOT NULL DEFAULT 0;
UPDATE source_order SET recorded_tip = (
    SELECT coalesce(round(sum((tip ->> 'amount')::numeric)), 0) FROM jsonb_array_elements(charges -> 'tips') AS tip
)
WHERE recorded_paid > 0 AND jsonb_typeof(charges -> 'tips') = 'array';
