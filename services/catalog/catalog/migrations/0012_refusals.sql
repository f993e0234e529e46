-- Connections that Clover refuses, perhaps because the app was uninstalled there.

ALTER TABLE connection ADD COLUMN refused_at timestamptz;     -- the first refusal of the access token in a row
ALTER TABLE connection ADD COLUMN uninstalled_at timestamptz; -- a webhook said that the app was uninstalled
