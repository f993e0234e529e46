-- The tax by the rates that Clover shows on an order, where it put others on the rows than those they were written with.
ALTER TABLE source_order ADD COLUMN clover_tax bigint;
