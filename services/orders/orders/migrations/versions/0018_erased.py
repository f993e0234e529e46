"""Orders whose customer was erased."""

from common.db.migrate import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql("orders", "0018_erased.sql")
