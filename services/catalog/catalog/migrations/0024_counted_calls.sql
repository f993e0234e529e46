-- A share counts until its calls are over, however long they are on their way.
ALTER TABLE grants
    ADD COLUMN calls integer NOT NULL DEFAULT 0, -- of the app's limit, that Clover may count in one second
    ADD COLUMN ends_at timestamptz,              -- when its holder stops to start calls
    ADD COLUMN number bigint NOT NULL DEFAULT 0, -- of the holder's request
    ADD COLUMN saved_at timestamptz NOT NULL DEFAULT now();
