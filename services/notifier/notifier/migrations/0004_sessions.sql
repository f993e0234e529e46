-- Login links, by the hash of their token: those that were used, and those that we emailed. A link opens one session.
CREATE TABLE login_link (
    hash       bytea PRIMARY KEY,
    merchants  text[] NOT NULL,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX login_link_expiry ON login_link (expires_at);
-- The links that were emailed to a merchant lately, for the limit on them.
CREATE INDEX login_link_merchants ON login_link USING gin (merchants);

-- What a problem affects, by name and with its reason, and when its cause began.
ALTER TABLE merchant_problem ADD COLUMN affected jsonb NOT NULL DEFAULT '[]', ADD COLUMN failing_since timestamptz;
ALTER TABLE report ADD COLUMN affected jsonb NOT NULL DEFAULT '[]', ADD COLUMN failing_since timestamptz;
