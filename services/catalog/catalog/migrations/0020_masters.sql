-- Edits on both sides of a product: what is needed to tell an edit made in Clover from a write of ours.

ALTER TABLE product ADD COLUMN unanswered jsonb; -- the fields of writes whose answer is not known, oldest first
ALTER TABLE product ADD COLUMN superseded jsonb; -- the caller's last values of fields that an edit in Clover replaced
