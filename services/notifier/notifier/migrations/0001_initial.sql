-- The tables of notifier.

-- How far each merchant's feed has got. The row is locked from taking a number until the commit, so that numbers
-- become visible in their order and a reader that remembers the last one misses nothing.
CREATE TABLE feed (
    merchant_id text PRIMARY KEY,
    last        bigint NOT NULL
) WITH (fillfactor = 50);

-- What happened, as the event told it; the words are made when it is read.
CREATE TABLE activity (
    merchant_id text NOT NULL,
    seq         bigint NOT NULL,
    at          timestamptz NOT NULL,
    type        text NOT NULL,
    event       jsonb NOT NULL,
    PRIMARY KEY (merchant_id, seq)
);

-- What needs a person, as the merchant sees it: at most one open per cause. (`problem` is the engine's own table, of
-- the work this service holds.) seq is its place in the feed at the last change.
CREATE TABLE merchant_problem (
    id           uuid PRIMARY KEY,
    merchant_id  text NOT NULL,
    code         text NOT NULL,
    subject      text NOT NULL,
    since        timestamptz NOT NULL,
    waiting      integer NOT NULL,
    done         integer NOT NULL,
    closed_at    timestamptz,
    rechecked_at timestamptz,
    seq          bigint NOT NULL
);
CREATE UNIQUE INDEX merchant_problem_open ON merchant_problem (merchant_id, code, subject) WHERE closed_at IS NULL;
CREATE INDEX merchant_problem_listed ON merchant_problem (merchant_id, id);
CREATE INDEX merchant_problem_feed ON merchant_problem (merchant_id, seq);

-- What the services told of each cause. Several may tell of one cause, each under a time of its own (`since`); the
-- merchant's problem is open while any of them is. A closed one stays, so that a late repeat reopens nothing.
CREATE TABLE report (
    merchant_id text NOT NULL,
    code        text NOT NULL,
    subject     text NOT NULL,
    since       timestamptz NOT NULL,
    problem_id  uuid NOT NULL REFERENCES merchant_problem (id),
    waiting     integer NOT NULL,
    done        integer NOT NULL,
    closed      boolean NOT NULL,
    revision    integer NOT NULL,
    PRIMARY KEY (merchant_id, code, subject, since)
);
CREATE INDEX report_problem ON report (problem_id);

-- The e-mails about each problem: claimed before the first byte leaves, sent once the relay has taken it.
CREATE TABLE mail (
    problem_id uuid NOT NULL REFERENCES merchant_problem (id),
    kind       text NOT NULL,
    claims     integer NOT NULL,
    sent_at    timestamptz,
    PRIMARY KEY (problem_id, kind)
);

-- Whom to write to and what the store is called, as catalog knows it; asked for again when it is old.
CREATE TABLE contact (
    merchant_id text PRIMARY KEY,
    email       bytea NOT NULL, -- sealed for `contact-email|<merchant_id>`
    name        text NOT NULL,
    fetched_at  timestamptz NOT NULL
);

-- Who is signed in to the dashboard, by the hash of the cookie; deleting a row signs out.
CREATE TABLE session (
    hash       bytea PRIMARY KEY,
    merchants  text[] NOT NULL,
    scopes     text[] NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_expiry ON session (expires_at);
