#!/bin/bash
# One role and one schema per service; none can read another's. Run once, by the image, on an empty data directory.
set -euo pipefail
for service in catalog inventory orders notifier; do
  psql -v ON_ERROR_STOP=1 -v role="qs_$service" -v schema="$service" -v password="$POSTGRES_PASSWORD" \
    -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE SCHEMA :"schema" AUTHORIZATION :"role";
REVOKE ALL ON SCHEMA :"schema" FROM PUBLIC;
SQL
done
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c 'REVOKE CREATE ON SCHEMA public FROM PUBLIC'
