-- The name that a parent of variants had for its other products, before a change of this product renamed it.

ALTER TABLE change ADD COLUMN group_name text;
