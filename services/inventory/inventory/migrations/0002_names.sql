-- The tables of inventory under the field's usual names.
SELECT 1;
