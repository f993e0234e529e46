-- An item that Clover shows in a form that we cannot read: its keys are kept up, so that none is created beside it.

ALTER TABLE item ADD COLUMN is_unreadable boolean NOT NULL DEFAULT false;

CREATE INDEX item_unreadable ON item (merchant_id) WHERE is_unreadable;
