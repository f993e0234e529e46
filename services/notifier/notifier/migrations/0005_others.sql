-- An entry of the feed may stand for many events of one type, such as those of a bulk edit in Clover.
ALTER TABLE activity ADD COLUMN others integer NOT NULL DEFAULT 0; -- the further events it stands for
