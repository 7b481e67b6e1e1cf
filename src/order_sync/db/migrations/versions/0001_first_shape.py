"""The first shape of the tables."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: tables that are missing are created in the newest shape."""
