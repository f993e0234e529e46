-- The tables of notifier under the field's usual names.
SELECT 1;
