"""Clients: the language of their sign-ins"""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'


def upgrade() -> None:
    op.add_column('client', sa.Column('locale', sa.String(length=8), nullable=True))
