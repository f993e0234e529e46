"""One transaction with what belongs in it: the unit, the outbox, the inbox, migrations."""
