-- A run belongs to one row of work: work that was removed and requested again starts anew.
ALTER TABLE work_run ADD COLUMN work_id bigint NOT NULL DEFAULT 0;
