-- Finds the sales that changed long ago, which are pruned.
CREATE INDEX sale_modified ON sale (merchant_id, modified_at);
