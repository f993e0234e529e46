-- The outages of Clover that the merchants of a region were informed of.
CREATE TABLE region_outage (
    region   text PRIMARY KEY,
    began_at timestamptz NOT NULL
);
CREATE INDEX merchant_region ON merchant (region, merchant_id);
