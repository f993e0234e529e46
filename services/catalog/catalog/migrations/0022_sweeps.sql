-- When all items of a merchant were read last; until then the changes alone are not compared.
ALTER TABLE item_mirror ADD COLUMN swept_at timestamptz;
