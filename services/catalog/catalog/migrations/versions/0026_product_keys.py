"""The keys by which products are matched."""

from common.db.migrate import run_sql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_sql("catalog", "0026_product_keys.sql")
