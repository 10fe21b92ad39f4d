"""Calls that the agent places, and numbers that do not want to be called."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "outbound_calls",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("consent", sa.Text, nullable=False),
        sa.Column("line_id", sa.String),
        sa.Column("outcome", sa.String),
    )
    op.create_index("ix_outbound_calls_at", "outbound_calls", ["at"])
    op.create_index("ix_outbound_calls_line_id", "outbound_calls", ["line_id"])
    op.create_table(
        "outbound_opt_outs",
        sa.Column("number", sa.String, primary_key=True),
        sa.Column("at", _TIME, nullable=False),
    )
