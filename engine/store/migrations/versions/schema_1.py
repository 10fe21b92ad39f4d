"""The first schema. Meetings that overlap are refused by the database itself."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_TIME = sa.DateTime(timezone=True)
_REFUSE_OVERLAP = """
CREATE TRIGGER appointments_no_overlap_{when} BEFORE {event} ON appointments
WHEN EXISTS (SELECT 1 FROM appointments WHERE id IS NOT NEW.id AND calendar = NEW.calendar
             AND starts < NEW.ends AND NEW.starts < ends)
BEGIN SELECT RAISE(ABORT, 'the time is taken'); END
"""
_EXCLUDE_OVERLAP = """
ALTER TABLE appointments ADD CONSTRAINT appointments_no_overlap
EXCLUDE USING gist (calendar WITH =, tstzrange(starts, ends) WITH &&)
"""


def _of_call() -> sa.ForeignKey:
    return sa.ForeignKey("calls.id", ondelete="CASCADE")


def upgrade() -> None:
    _calls()
    _appointments()
    _outbox()


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("line_id", sa.String, nullable=False),
        sa.Column("line", sa.String, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("called", sa.String, nullable=False),
        sa.Column("started", _TIME, nullable=False),
        sa.Column("ended", _TIME),
        sa.Column("reason", sa.String),
        sa.Column("summary", sa.JSON),
    )
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("call", sa.String, _of_call(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("heard", sa.Text, nullable=False),
    )
    op.create_index("ix_turns_call", "turns", ["call"])
    op.create_table(
        "leads",
        sa.Column("call", sa.String, _of_call(), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("wish", sa.JSON, nullable=False),
    )
    op.create_table(
        "consents",
        sa.Column("call", sa.String, _of_call(), primary_key=True),
        sa.Column("what", sa.String, primary_key=True),
        sa.Column("heard_at", _TIME, nullable=False),
    )


def _appointments() -> None:
    op.create_table(
        "appointments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("calendar", sa.String, nullable=False),
        sa.Column("starts", _TIME, nullable=False),
        sa.Column("ends", _TIME, nullable=False),
        sa.Column("call", sa.String, nullable=False),
        sa.Column("act", sa.String, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("wish", sa.JSON, nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.CheckConstraint("starts < ends", name="appointments_last"),
        sa.UniqueConstraint("call", "act", name="appointments_once"),
    )
    op.create_index("appointments_when", "appointments", ["calendar", "starts"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_REFUSE_OVERLAP.format(when="new", event="INSERT"))
        moved = "UPDATE OF calendar, starts, ends"
        op.execute(_REFUSE_OVERLAP.format(when="moved", event=moved))
    else:
        op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        op.execute(_EXCLUDE_OVERLAP)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", _TIME, nullable=False),
        sa.Column("sent", _TIME),
        sa.UniqueConstraint("key", name="outbox_once"),
    )
    op.create_index("outbox_due", "outbox", ["sent", "due"])
