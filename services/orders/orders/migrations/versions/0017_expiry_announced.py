"""Orders whose expiry is announced."""

from common.db.migrate import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_sql("orders", "0017_expiry_announced.sql")
