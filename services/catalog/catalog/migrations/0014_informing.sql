-- The merchants of a region are informed of an outage, and of its end, in portions.
ALTER TABLE region_outage
    ADD COLUMN is_over boolean NOT NULL DEFAULT false,
    ADD COLUMN informed_after text; -- the last merchant of the last portion; null when all are informed
