-- The currency of the merchant's Clover, as last read there. Pauses are the engine's for long.
ALTER TABLE setup ADD COLUMN currency text, DROP COLUMN pauses, DROP COLUMN paused_until;
