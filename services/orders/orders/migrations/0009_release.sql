-- Held orders are released oldest first, in portions.
CREATE INDEX source_order_held_arrival ON source_order (merchant_id, held_problem, arrival)
    WHERE held_problem IS NOT NULL;
DROP INDEX source_order_held;
