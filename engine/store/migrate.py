"""Brings a database to our schema: every step that is missing, in one transaction."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from engine.store.appointment import StoreBroken

NEWEST = "3"
"""The last of the steps in `migrations/versions`."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('kav schema'))")
_VERSIONS = text("SELECT version_num FROM alembic_version")


def migrate(connection: Connection) -> None:
    """Within the connection's transaction. Raises `StoreBroken`."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_AT_A_TIME)
    now = _version(connection)
    if now != NEWEST:
        _bring_up_to_date(connection, now)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(_VERSIONS).scalar()
    return found


def _bring_up_to_date(connection: Connection, now: str | None) -> None:
    # Alembic takes 0.2 s to import, and hardly any start has a step to take.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(_MIGRATIONS))
    ours = {revision.revision for revision in script.walk_revisions()}
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
