-- The tables of orders under the field's usual names, and what lists filter by on the order itself.

ALTER TABLE step RENAME TO timeline;
ALTER TABLE timeline RENAME COLUMN name TO event;
ALTER INDEX step_pkey RENAME TO timeline_pkey;
UPDATE timeline SET event = CASE event
    WHEN 'submitting' THEN 'create_sent'
    WHEN 'lines' THEN 'lines_added'
    WHEN 'customer' THEN 'customer_set'
    WHEN 'payment' THEN 'payment_added'
    WHEN 'done' THEN 'completed'
    WHEN 'complete asked for' THEN 'complete_requested'
    WHEN 'cancel asked for' THEN 'cancel_requested'
    WHEN 'not taken' THEN 'send_refused'
    WHEN 'unknown' THEN 'outcome_unknown'
    WHEN 'found' THEN 'lookup_found'
    WHEN 'not found' THEN 'lookup_empty'
    WHEN 'items left out' THEN 'items_dropped'
    WHEN 'customer left out' THEN 'customer_dropped'
    ELSE event
END;

ALTER TABLE source_order RENAME COLUMN wish TO requested_action;

-- The write under way is named by its key as well. Lines in doubt were sent a hundred at a time after `lines_sent`.
ALTER TABLE source_order ADD COLUMN sending_key text, ADD COLUMN items_dropped boolean NOT NULL DEFAULT false;
UPDATE source_order SET sending_key = reference, sending = CASE sending
    WHEN 'order' THEN 'create_order' WHEN 'customer' THEN 'create_customer' ELSE 'pay' END
WHERE sending IN ('order', 'customer', 'payment');
UPDATE source_order SET sending = 'add_lines', sending_key = lines_sent + 1 || '-' || least(
    lines_sent + 100, (SELECT sum((line ->> 'quantity')::integer) FROM jsonb_array_elements(lines) AS line)
)
WHERE sending = 'lines';
ALTER TABLE source_order DROP COLUMN lines_sent;

-- What holds an order, and when it is attempted next; written in the transaction that decides it.
ALTER TABLE source_order
    ADD COLUMN held_problem text,
    ADD COLUMN held_reason text,
    ADD COLUMN next_attempt_at timestamptz;
CREATE INDEX source_order_held ON source_order (merchant_id, held_problem) WHERE held_problem IS NOT NULL;

-- The state that people see, of which one index lists every page.
ALTER TABLE source_order ADD COLUMN status text NOT NULL GENERATED ALWAYS AS (
    CASE WHEN held_problem IS NOT NULL AND state NOT IN ('done', 'rejected', 'cancelled') THEN 'held' ELSE state END
) STORED;
DROP INDEX source_order_state;
CREATE INDEX source_order_status ON source_order (merchant_id, status, arrival);
