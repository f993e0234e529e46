"""Tables and columns of notifier under the field's usual names."""

from common.db.migrate import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql("notifier", "0002_names.sql")
