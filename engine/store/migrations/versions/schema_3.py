"""What is known of a call while it lives, should it come back."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    op.create_table(
        "kept",
        sa.Column(
            "call", sa.String, sa.ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("talk", sa.JSON, nullable=False),
    )
    op.create_index("calls_line", "calls", ["line_id"])
