-- Whether the customer and the note of an order were erased on request; then they are not stored again. And whether an edit
-- changed the note, which is sealed together with the customer, so that the plan cannot compare it.
ALTER TABLE source_order
    ADD COLUMN erased boolean NOT NULL DEFAULT false,
    ADD COLUMN note_changed boolean NOT NULL DEFAULT false;
