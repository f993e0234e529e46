#!/bin/bash
# One role and one schema per service; none can read another's. Run once, by the image, on an empty data directory.
# The launcher does the same in libs/dev/quicksync_dev/database.py.
set -euo pipefail
admin=(psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB")
"${admin[@]}" -v database="$POSTGRES_DB" <<'SQL'
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SQL
for service in catalog inventory orders notifier; do
  password="${service^^}_PASSWORD"
  "${admin[@]}" -v database="$POSTGRES_DB" -v role="qs_$service" -v schema="$service" -v password="${!password}" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
ALTER ROLE :"role" SET search_path = :"schema";
GRANT CONNECT ON DATABASE :"database" TO :"role";
CREATE SCHEMA :"schema" AUTHORIZATION :"role";
REVOKE ALL ON SCHEMA :"schema" FROM PUBLIC;
SQL
done
