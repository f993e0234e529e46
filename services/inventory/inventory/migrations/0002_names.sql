-- The columns of inventory under the field's usual names.

ALTER TABLE level RENAME COLUMN stated TO counted_locally;

-- The sweep reads refused items again; few are, so the index stays small.
ALTER TABLE level ADD COLUMN refused boolean NOT NULL DEFAULT false;
CREATE INDEX level_refused ON level (merchant_id) WHERE refused;

ALTER TABLE movement RENAME COLUMN at TO recorded_at;

ALTER TABLE push RENAME COLUMN fate TO outcome;
ALTER TABLE push RENAME COLUMN doubtful_until TO deadline;
ALTER TABLE push RENAME CONSTRAINT push_fate_check TO push_outcome_check;

COMMENT ON COLUMN level.on_hand IS 'sum of the movements in thousandths; null: never counted';
COMMENT ON COLUMN level.shadow IS 'last Clover count accounted for, in thousandths; null: Clover never showed a count';
COMMENT ON COLUMN level.version IS 'grows by one with every change of the row; numbers the movements';
COMMENT ON COLUMN level.counted_locally IS 'counted in QuickSync before Clover showed a count, which is then not added';
COMMENT ON COLUMN level.refused IS 'Clover refused the last read of the item';
COMMENT ON COLUMN push.base IS 'Clover''s count just before the write, in thousandths; null: no count';
COMMENT ON COLUMN push.deadline IS 'a write not visible in Clover by then does not arrive any more';
COMMENT ON COLUMN push.outcome IS 'null while the push is open';
