-- Tips and taxes of a sale are parts of it.
ALTER TABLE sale_part DROP CONSTRAINT sale_part_kind_check, ADD CONSTRAINT sale_part_kind_check
    CHECK (kind IN ('line', 'payment', 'refund', 'tip', 'added_tax', 'contained_tax'));
