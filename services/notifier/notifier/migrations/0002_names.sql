-- The tables of notifier under the field's usual names.

ALTER TABLE feed RENAME COLUMN last TO last_seq;

ALTER TABLE merchant_problem RENAME COLUMN since TO opened_at;
ALTER TABLE merchant_problem RENAME COLUMN done TO resumed_count;
ALTER TABLE merchant_problem RENAME COLUMN closed_at TO resolved_at;

ALTER TABLE report RENAME COLUMN since TO opened_at;
ALTER TABLE report RENAME COLUMN done TO resumed_count;

ALTER TABLE mail RENAME COLUMN claims TO attempts;
UPDATE mail SET kind = 'resolved' WHERE kind = 'solved';
