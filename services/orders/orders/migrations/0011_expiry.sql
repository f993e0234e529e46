-- Held orders expire; the check of each merchant repeats itself.
INSERT INTO work (merchant_id, kind, key, priority, due_at)
SELECT merchant_id, 'expire_orders', 'expire_orders', 9, now() + interval '1 hour' FROM merchant ORDER BY merchant_id;
