"""What Alembic runs: on the connection that `database.migrate` hands over, inside its transaction."""

from alembic import context

from connector.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
