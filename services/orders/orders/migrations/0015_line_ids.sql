-- Our ids of the rows in Clover by Clover's, where Clover does not return ours with them.
ALTER TABLE source_order ADD COLUMN line_ids jsonb NOT NULL DEFAULT '{}';
