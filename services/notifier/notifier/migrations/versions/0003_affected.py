"""Empty: the engine's tables have a history of their own, which has run before this revision."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Change nothing."""
