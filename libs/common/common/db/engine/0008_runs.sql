-- How far a long sync function has got with a key. Only the process with the merchant's lease writes here; it stands apart
-- from `work`, so that marks and a run's progress do not wait for one another.
CREATE TABLE work_run (
    merchant_id text NOT NULL,
    kind        text NOT NULL,
    key         text NOT NULL,
    version     integer NOT NULL,     -- of the form of the cursor
    seq         integer NOT NULL,     -- of the work when the run began: a later mark asks for another run
    cursor      text,                 -- null between two runs
    done        bigint NOT NULL,
    total       bigint,               -- an estimate; between two runs, what the last one did
    started_at  timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, kind, key)
);

-- The ids that each page of a run has shown. They go with the run.
CREATE TABLE work_run_page (
    merchant_id text NOT NULL,
    kind        text NOT NULL,
    key         text NOT NULL,
    cursor      text NOT NULL,
    ids         text[] NOT NULL,
    PRIMARY KEY (merchant_id, kind, key, cursor),
    FOREIGN KEY (merchant_id, kind, key) REFERENCES work_run ON DELETE CASCADE
);
