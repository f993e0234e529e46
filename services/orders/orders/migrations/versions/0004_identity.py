"""Orders identified by channel, store and source id; corrections; items that Clover refused, by SKU."""

from common.db.migrate import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("orders", "0004_identity.sql")
