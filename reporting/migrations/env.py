"""How alembic reaches the database: over the connection that `reporting.database` hands in, in its transaction."""

from alembic import context

from reporting import alert_models, case_models, log_models, look_models, people_models, troubles  # noqa: F401 - their tables are part of the metadata
from reporting.models import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
