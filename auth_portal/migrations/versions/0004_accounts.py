"""Accounts: addresses, sessions, events, deletion"""

import sqlalchemy as sa
from alembic import op

import auth_portal.db


revision = '0004'
down_revision = '0003'


def upgrade() -> None:
    op.create_table('erased_user',
    sa.Column('subject_hash', sa.String(length=64), nullable=False),
    sa.Column('erased_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('subject_hash', name=op.f('pk_erased_user'))
    )
    op.create_table('event',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('happened_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('actor', sa.String(length=16), nullable=False),
    sa.Column('user_id', sa.String(length=32), nullable=True),
    sa.Column('session_id', sa.String(length=32), nullable=True),
    sa.Column('client_id', sa.String(length=64), nullable=True),
    sa.Column('network', sa.String(length=48), nullable=False),
    sa.Column('device', sa.String(length=80), nullable=False),
    sa.Column('facts', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('digest', sa.String(length=64), nullable=True),
    sa.Column('seal_id', sa.Integer(), nullable=True),
    sa.Column('erased_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event'))
    )
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_event_happened_at'), ['happened_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_event_seal_id'), ['seal_id'], unique=False)
        batch_op.create_index('ix_event_unsealed', ['happened_at'], unique=False, sqlite_where=sa.text('seal_id IS NULL'), postgresql_where=sa.text('seal_id IS NULL'))
        batch_op.create_index(batch_op.f('ix_event_user_id_happened_at'), ['user_id', 'happened_at'], unique=False)

    op.create_table('event_seal',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('key_id', sa.Integer(), nullable=False),
    sa.Column('sealed_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('first_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('last_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('event_count', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('pruned_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.Column('pruned_digest', sa.String(length=64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event_seal'))
    )
    op.create_table('seal_key',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_seal_key'))
    )
    op.create_table('identifier_change',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('user_id', sa.String(length=32), nullable=False),
    sa.Column('channel', sa.String(length=8), nullable=False),
    sa.Column('former', sa.String(length=254), nullable=False),
    sa.Column('current', sa.String(length=254), nullable=True),
    sa.Column('former_verified_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('changed_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('undo_until', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('undone_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_identifier_change_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_identifier_change'))
    )
    with op.batch_alter_table('identifier_change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_identifier_change_channel_former'), ['channel', 'former'], unique=False)
        batch_op.create_index(batch_op.f('ix_identifier_change_undo_until'), ['undo_until'], unique=False)
        batch_op.create_index(batch_op.f('ix_identifier_change_user_id'), ['user_id'], unique=False)

    with op.batch_alter_table('device_code', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_device_code_user_id'), ['user_id'], unique=False)

    with op.batch_alter_table('pairwise_subject', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pairwise_subject_user_id'), ['user_id'], unique=False)

    with op.batch_alter_table('identifier', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rank', sa.SmallInteger(), server_default='0', nullable=False))
        batch_op.drop_index(batch_op.f('ix_identifier_user_id_channel_value'))
        batch_op.create_index('ix_identifier_rank', ['user_id', 'channel', 'rank'], unique=True)

    # Of several open registrations of an address the newest stays: from now on there is one.
    op.execute("""
        DELETE FROM registration WHERE completed_at IS NULL AND EXISTS (
            SELECT 1 FROM registration AS other
            WHERE other.channel = registration.channel AND other.destination = registration.destination
            AND other.completed_at IS NULL
            AND (other.created_at > registration.created_at
                 OR (other.created_at = registration.created_at AND other.id > registration.id)))""")
    with op.batch_alter_table('registration', schema=None) as batch_op:
        batch_op.add_column(sa.Column('draft', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('proven_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True))
        batch_op.create_index('ix_registration_open', ['channel', 'destination'], unique=True, sqlite_where=sa.text('completed_at IS NULL'), postgresql_where=sa.text('completed_at IS NULL'))

    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('network', sa.String(length=48), server_default='', nullable=False))
        batch_op.add_column(sa.Column('channel', sa.String(length=8), server_default='email', nullable=False))
        batch_op.add_column(sa.Column('created_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True))
        batch_op.create_index('ix_session_open', ['user_id', 'last_seen_at'], unique=False, sqlite_where=sa.text('ended_at IS NULL AND parent_id IS NULL'), postgresql_where=sa.text('ended_at IS NULL AND parent_id IS NULL'))

    op.execute('UPDATE session SET created_at = authenticated_at')
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('terms_version', sa.String(length=64), server_default='', nullable=False))
        batch_op.add_column(sa.Column('updated_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('erase_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('fields', sa.JSON(none_as_null=True), nullable=True))
        batch_op.create_index(batch_op.f('ix_user_erase_at'), ['erase_at'], unique=False, sqlite_where=sa.text('erase_at IS NOT NULL'), postgresql_where=sa.text('erase_at IS NOT NULL'))
