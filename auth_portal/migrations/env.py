"""Runs Alembic on the connection that ``schema.py`` hands over."""

from alembic import context

import auth_portal.models  # noqa: F401  fills the metadata
from auth_portal.db import Model

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Model.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    user_module_prefix="auth_portal.db.",
)
with context.begin_transaction():
    context.run_migrations()
