-- Categories, tags and tax rates of items, by their names. A label that was deleted in Clover stays as a row, so that it is
-- not created again by itself.

ALTER TABLE item ADD COLUMN default_tax_rates boolean NOT NULL DEFAULT true;

CREATE TABLE label (
    merchant_id  text NOT NULL REFERENCES merchant,
    kind         text NOT NULL CHECK (kind IN ('categories', 'tags', 'tax_rates')),
    label_id     text COLLATE "C" NOT NULL,
    name         text NOT NULL,
    former_names text[] NOT NULL DEFAULT '{}', -- before it was renamed in Clover
    read_number  bigint NOT NULL,              -- drawn before the read or write that showed it like this
    deleted_at   timestamptz,                  -- when it was found deleted in Clover
    PRIMARY KEY (merchant_id, kind, label_id)
);

-- A label whose creation was begun and has no answer yet.
CREATE TABLE label_creation (
    merchant_id text NOT NULL REFERENCES merchant,
    kind        text NOT NULL,
    name_key    text NOT NULL, -- the name without case and further spaces
    begun_at    timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, kind, name_key)
);

CREATE INDEX product_with_labels ON product (merchant_id) WHERE stated ?| ARRAY['categories', 'tags', 'tax_rates'];
