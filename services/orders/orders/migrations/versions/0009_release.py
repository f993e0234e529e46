"""An index for releasing held orders in portions."""

from common.db.migrate import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_sql("orders", "0009_release.sql")
