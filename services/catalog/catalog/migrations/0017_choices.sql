-- What each merchant chose; it outlasts the connection.
CREATE TABLE merchant_choices (
    merchant_id text PRIMARY KEY REFERENCES merchant,
    choices     jsonb NOT NULL -- fields that are missing have their defaults
);
