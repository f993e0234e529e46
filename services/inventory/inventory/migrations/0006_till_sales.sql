-- What tells sales at the till from counts by a person, so that a SKU that was linked to a wrong item takes along all
-- that callers changed of it.

CREATE TABLE till_sale (
    merchant_id text NOT NULL,
    item_id     text COLLATE "C" NOT NULL,
    delta       bigint NOT NULL,
    sold_at     timestamptz NOT NULL,
    reported_at timestamptz NOT NULL
);
CREATE INDEX till_sale_item ON till_sale (merchant_id, item_id, reported_at);
COMMENT ON TABLE till_sale IS 'what orders reported as sold or returned in Clover, by item';
COMMENT ON COLUMN till_sale.delta IS 'thousandths; below zero: sold, above: returned';
COMMENT ON COLUMN till_sale.sold_at IS 'by Clover''s clock';

CREATE TABLE hand_over (
    merchant_id text NOT NULL,
    item_id     text COLLATE "C" NOT NULL,
    sku         text COLLATE "C" NOT NULL,
    handed_at   timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, item_id, sku)
);
CREATE INDEX hand_over_time ON hand_over (merchant_id, handed_at);
COMMENT ON TABLE hand_over IS 'items that gave up a SKU to another one, with the time of the last time';

-- Sales before this revision are unknown, so every change of Clover's count until now counts as one by a person.
ALTER TABLE movement ADD COLUMN carried bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN movement.carried IS
    'the part of after that a counted quantity did not contain: changes that Clover had not received, in thousandths';
CREATE INDEX movement_sku ON movement (merchant_id, sku, recorded_at) WHERE source = 'quicksync' AND sku <> '';
