"""Guess budget"""

import sqlalchemy as sa
from alembic import op

import auth_portal.db


revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table('known_device',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('user_id', sa.String(length=32), nullable=False),
    sa.Column('secret_hash', sa.String(length=64), nullable=False),
    sa.Column('created_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_known_device_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_known_device')),
    sa.UniqueConstraint('secret_hash', name=op.f('uq_known_device_secret_hash'))
    )
    with op.batch_alter_table('known_device', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_known_device_expires_at'), ['expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_known_device_user_id'), ['user_id'], unique=False)

    with op.batch_alter_table('challenge', schema=None) as batch_op:
        batch_op.add_column(sa.Column('account', sa.String(length=64), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('device_id', sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column('network', sa.String(length=64), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('device', sa.String(length=64), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('foreign_allowed', sa.SmallInteger(), nullable=False, server_default='2'))
        batch_op.add_column(sa.Column('loose_attempts', sa.SmallInteger(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('seed', sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column('guessed_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('approved_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True))
        batch_op.drop_index(batch_op.f('ix_challenge_caller'))
        batch_op.drop_constraint(batch_op.f('uq_challenge_channel_destination_caller'), type_='unique')
        batch_op.create_index('ix_challenge_ledger', ['account'], unique=False, sqlite_where=sa.text('(consumed_at IS NULL OR attempts > 0 OR foreign_attempts > 0) AND code_length < 20'), postgresql_where=sa.text('(consumed_at IS NULL OR attempts > 0 OR foreign_attempts > 0) AND code_length < 20'))
        batch_op.create_index('ix_challenge_used', ['account', 'consumed_at'], unique=False, sqlite_where=sa.text('consumed_at IS NOT NULL'), postgresql_where=sa.text('consumed_at IS NOT NULL'))
        batch_op.create_index(batch_op.f('ix_challenge_destination_expires_at'), ['destination', 'expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_challenge_caller_sent_at'), ['caller', 'sent_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_challenge_destination_caller_sent_at'), ['destination', 'caller', 'sent_at'], unique=False)
        batch_op.create_index('ix_challenge_failed', ['code_length', 'expires_at'], unique=False, sqlite_where=sa.text('(attempts > 0 OR foreign_attempts > 0) AND device_id IS NULL'), postgresql_where=sa.text('(attempts > 0 OR foreign_attempts > 0) AND device_id IS NULL'))
        batch_op.create_index(batch_op.f('ix_challenge_seed_caller'), ['seed', 'caller'], unique=False, sqlite_where=sa.text('seed IS NOT NULL'), postgresql_where=sa.text('seed IS NOT NULL'))
        batch_op.create_index('ix_challenge_shared', ['destination'], unique=False, sqlite_where=sa.text('seed = id'), postgresql_where=sa.text('seed = id'))
        batch_op.create_index('ix_challenge_unanswered', ['code_length', 'expires_at'], unique=False, sqlite_where=sa.text('consumed_at IS NULL'), postgresql_where=sa.text('consumed_at IS NULL'))

    with op.batch_alter_table('send_limit', schema=None) as batch_op:
        batch_op.add_column(sa.Column('kind', sa.String(length=32), nullable=False, server_default=''))
        batch_op.alter_column('key',
               existing_type=sa.VARCHAR(length=64),
               type_=sa.String(length=80),
               existing_nullable=False)

    # Guesses that were made before count for whoever has proven the address; nobody knows the keyed hash of another.
    op.execute(
        "UPDATE challenge SET account = COALESCE((SELECT user_id FROM identifier"
        " WHERE identifier.channel = challenge.channel AND identifier.value = challenge.destination), '')"
    )
