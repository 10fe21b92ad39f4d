"""The tables, as the code sees them. `migrations` makes them; a test holds the two together."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC: SQLite keeps no time zone, and compares what it keeps as text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a time with its zone was expected, came {value}")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value)


metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("id", String, primary_key=True),
    Column("line_id", String, nullable=False),
    Column("line", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("called", String, nullable=False),
    Column("started", Instant, nullable=False),
    Column("ended", Instant),
    Column("reason", String),
    Column("summary", JSON(none_as_null=True)),
    Index("calls_line", "line_id"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call", String, ForeignKey("calls.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("said", Text, nullable=False),
    Column("heard", Text, nullable=False),
)

leads = Table(
    "leads",
    metadata,
    Column("call", String, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("wish", JSON, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("call", String, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("what", String, primary_key=True),
    Column("heard_at", Instant, nullable=False),
)

kept = Table(
    "kept",
    metadata,
    Column("call", String, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("talk", JSON, nullable=False),
)

# No foreign key: a booking never waits for what is only noted down.
appointments = Table(
    "appointments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("calendar", String, nullable=False),
    Column("starts", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("call", String, nullable=False),
    Column("act", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("wish", JSON, nullable=False),
    Column("created", Instant, nullable=False),
    CheckConstraint("starts < ends", name="appointments_last"),
    UniqueConstraint("call", "act", name="appointments_once"),
    Index("appointments_when", "calendar", "starts"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Instant, nullable=False),
    Column("sent", Instant),
    UniqueConstraint("key", name="outbox_once"),
    Index("outbox_due", "sent", "due"),
)

outbound_calls = Table(
    "outbound_calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", String, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Column("consent", Text, nullable=False),
    Column("line_id", String, index=True),
    Column("outcome", String),
)

outbound_opt_outs = Table(
    "outbound_opt_outs",
    metadata,
    Column("number", String, primary_key=True),
    Column("at", Instant, nullable=False),
)
