-- Edits of orders that are in Clover: whether one is under way, and what was recorded as paid there, which nothing lowers.

ALTER TABLE source_order
    ADD COLUMN edited boolean NOT NULL DEFAULT false,
    ADD COLUMN recorded_paid bigint NOT NULL DEFAULT 0;
UPDATE source_order SET recorded_paid = total WHERE state IN ('paid', 'done');
