-- Items that nobody counts, counts that move with a SKU, and adjustments that name their source.

ALTER TABLE level ADD COLUMN unread_delta bigint DEFAULT 0;
ALTER TABLE level ADD COLUMN inherited bigint;
-- Adjustments of items that were never counted do not make a count.
UPDATE level SET unread_delta = coalesce(on_hand, 0), on_hand = NULL WHERE shadow IS NULL AND NOT counted_locally;
UPDATE level SET unread_delta = NULL WHERE on_hand IS NOT NULL;
-- An item with a count of ours and none of Clover's was counted in QuickSync, so the column says nothing more.
ALTER TABLE level DROP COLUMN counted_locally;
COMMENT ON COLUMN level.on_hand IS 'quantity in stock in thousandths; null: never counted';
COMMENT ON COLUMN level.unread_delta IS
    'adjustments recorded before Clover''s count was first read, which are added to it; null: it was read';
COMMENT ON COLUMN level.inherited IS 'count of the SKU''s previous item, taken over if Clover shows no count';

ALTER TABLE movement ALTER COLUMN before DROP NOT NULL;
ALTER TABLE movement ALTER COLUMN after DROP NOT NULL;
ALTER TABLE movement ADD COLUMN channel text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE movement ADD COLUMN store text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE movement DROP CONSTRAINT movement_merchant_id_key_key;
ALTER TABLE movement ADD CONSTRAINT movement_key UNIQUE (merchant_id, channel, store, key);
COMMENT ON COLUMN movement.before IS 'count before the movement in thousandths; null: never counted';
COMMENT ON COLUMN movement.after IS 'count after the movement in thousandths; null: never counted';
COMMENT ON COLUMN movement.channel IS 'sales channel of an adjustment; empty: none named';
COMMENT ON COLUMN movement.store IS 'store in the channel; empty: none named';
