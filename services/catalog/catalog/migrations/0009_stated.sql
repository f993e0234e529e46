-- The optional fields that a product states, by their names: alternate name, cost, unit and age restriction.
ALTER TABLE product ADD COLUMN stated jsonb NOT NULL DEFAULT '{}';
