-- The tables of orders under the field's usual names.
SELECT 1;
