-- An undo gives items back what they had: single fields, or all of them, or it deletes the items that QuickSync created.

ALTER TABLE change ALTER COLUMN after DROP NOT NULL; -- null: an undo deleted the product

-- A row has the fields that an item had before products stated them, also while it is linked.
UPDATE item_former SET fields = jsonb_strip_nulls(fields), written = coalesce(written, '{}');
ALTER TABLE item_former
    ALTER COLUMN written SET DEFAULT '{}',
    ALTER COLUMN written SET NOT NULL,
    ADD COLUMN deletes boolean NOT NULL DEFAULT false; -- the item did not exist before, and is to be deleted
COMMENT ON COLUMN item_former.written IS 'what we wrote over the fields that are to be restored';
