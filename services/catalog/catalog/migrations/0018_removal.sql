-- A product that is being deleted: its item is hidden or deleted in Clover first.
ALTER TABLE product ADD COLUMN removal text CHECK (removal IN ('hide', 'purge'));
