-- The payload of an order, sealed under order-payload|<merchant>|<reference>. Processes of the release before read and
-- write `lines` and `charges` in the clear, and may run beside those of this one for some minutes. So orders stay in the
-- clear until `seals_from`; then they are sealed as they come, and those that are stored are sealed in the background.
-- The next release drops `lines`, `charges` and `sealing`.

ALTER TABLE source_order
    ADD COLUMN payload bytea,
    ALTER COLUMN lines DROP NOT NULL,
    ALTER COLUMN charges DROP NOT NULL,
    ALTER COLUMN charges DROP DEFAULT,
    -- an older process can give no clear lines to an order that is sealed
    ADD CONSTRAINT source_order_one_payload CHECK (num_nonnulls(lines, payload) = 1);
ALTER TABLE source_order ALTER COLUMN payload SET STORAGE EXTERNAL;  -- what is sealed does not compress

-- Finds the orders that are in the clear, or sealed with another master key: bytes 2 to 5 name it.
CREATE INDEX source_order_payload_key ON source_order (substr(payload, 2, 4), merchant_id, reference);

-- No row in a database without orders, to which no release before this one has written.
CREATE TABLE sealing (seals_from timestamptz NOT NULL);
INSERT INTO sealing SELECT now() + interval '10 minutes' WHERE EXISTS (SELECT FROM source_order);
