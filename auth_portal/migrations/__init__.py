"""Alembic migrations: forward only, the same for SQLite and PostgreSQL."""
