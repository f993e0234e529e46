-- The shares of Clover's limits that are lent: of the app's, for each process, and of each merchant's.

DROP TABLE grants;
CREATE TABLE grants (
    subject            text NOT NULL, -- a merchant, or '' for the app
    holder             uuid NOT NULL, -- one process; asking again renews its share
    speaker            text NOT NULL, -- of the claims of one speaker a single one is used at a time
    state              text NOT NULL CHECK (state IN ('holding', 'waiting')),
    started_at         timestamptz NOT NULL,
    wanted_rate        double precision NOT NULL,
    wanted_concurrency integer NOT NULL,
    rate               double precision NOT NULL,
    concurrency        integer NOT NULL,
    expires_at         timestamptz NOT NULL,
    PRIMARY KEY (subject, holder)
) WITH (fillfactor = 50);
CREATE INDEX grants_expired ON grants (expires_at);
