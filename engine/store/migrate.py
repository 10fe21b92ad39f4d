"""Brings a database to our schema: every step that is missing, in one transaction."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from engine.store.appointment import StoreBroken

_MIGRATIONS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('kav schema'))")


def migrate(connection: Connection) -> None:
    """Within the connection's transaction. Raises `StoreBroken`."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_AT_A_TIME)
    script = ScriptDirectory(str(_MIGRATIONS))
    ours = {revision.revision for revision in script.walk_revisions()}
    now = MigrationContext.configure(connection).get_current_revision()
    if now is not None and now not in ours:
        raise StoreBroken(
            f"the database has schema {now}, which this version of Kav does not know: "
            "a newer one has used it; start that one, or restore a backup"
        )

    def missing(revision: str | tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]

    with EnvironmentContext(Config(), script, fn=missing) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
