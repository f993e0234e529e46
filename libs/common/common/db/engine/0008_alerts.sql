-- What an operator must know and no merchant can mend, until the operator clears it.
CREATE TABLE alert (
    name     text NOT NULL,
    subject  text NOT NULL,
    detail   text NOT NULL,
    times    integer NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, subject)
);
CREATE INDEX dead_letter_waiting ON dead_letter (id) WHERE due_at IS NULL;
