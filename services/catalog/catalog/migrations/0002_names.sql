-- The tables of catalog under the field's usual names.
SELECT 1;
