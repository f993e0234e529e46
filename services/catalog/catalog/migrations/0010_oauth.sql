-- Connections by OAuth beside those by API token.

ALTER TABLE connection ALTER COLUMN sealed_token DROP NOT NULL; -- NULL once it is erased, as Clover has removed the app
ALTER TABLE connection ADD COLUMN token_expires_at timestamptz;  -- NULL for an API token, which lasts
ALTER TABLE connection ADD COLUMN sealed_refresh_token bytea;    -- sealed for `clover-refresh-token|<merchant_id>`
ALTER TABLE connection ADD COLUMN refresh_at timestamptz;        -- when the pair is exchanged for the next one
ALTER TABLE connection ADD COLUMN refresh_sent_at timestamptz;   -- the refresh token was sent, its answer is not known
ALTER TABLE connection ADD COLUMN tokens_id uuid NOT NULL DEFAULT gen_random_uuid(); -- another one with every change
ALTER TABLE connection ADD COLUMN lost_at timestamptz;           -- Clover accepts the tokens no longer since then

-- People who were sent to Clover to connect a merchant, each until they come back or quarter of an hour is over.
CREATE TABLE oauth_state (
    state_hash      bytea PRIMARY KEY,
    account_id      text NOT NULL,
    region          text NOT NULL,
    merchant_id     text,               -- the only merchant that may come back, where it is known
    merchants       text[] NOT NULL,    -- those that the caller may connect; `*` for any
    sealed_email    bytea NOT NULL,     -- sealed for `oauth-email|<state_hash in hex>`
    sealed_verifier bytea,              -- sealed for `oauth-verifier|<state_hash in hex>`
    expires_at      timestamptz NOT NULL
);
CREATE INDEX oauth_state_expired ON oauth_state (expires_at);
CREATE INDEX oauth_state_merchant ON oauth_state (merchant_id) WHERE merchant_id IS NOT NULL;
