"""The database of a service: the unit of work, the outbox, the inbox, leases, migrations."""
