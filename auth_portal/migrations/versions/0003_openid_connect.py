"""OpenID Connect"""

import sqlalchemy as sa
from alembic import op

import auth_portal.db


revision = '0003'
down_revision = '0002'


def upgrade() -> None:
    op.create_table('client',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('secret_hash', sa.String(length=64), nullable=True),
    sa.Column('former_secret_hash', sa.String(length=64), nullable=True),
    sa.Column('former_secret_until', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.Column('auth_method', sa.String(length=32), nullable=True),
    sa.Column('jwks', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('jwks_uri', sa.String(length=2048), nullable=True),
    sa.Column('redirect_uris', sa.JSON(), nullable=False),
    sa.Column('post_logout_redirect_uris', sa.JSON(), nullable=False),
    sa.Column('backchannel_logout_uri', sa.String(length=2048), nullable=True),
    sa.Column('grant_types', sa.JSON(), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('resources', sa.JSON(), nullable=False),
    sa.Column('api_identifier', sa.String(length=255), nullable=True),
    sa.Column('is_trusted', sa.Boolean(), nullable=False),
    sa.Column('require_pkce', sa.Boolean(), nullable=False),
    sa.Column('require_pushed', sa.Boolean(), nullable=False),
    sa.Column('claims_in_id_token', sa.Boolean(), nullable=False),
    sa.Column('id_token_algorithm', sa.String(length=10), nullable=False),
    sa.Column('sector', sa.String(length=255), nullable=True),
    sa.Column('access_token_ttl', sa.Integer(), nullable=True),
    sa.Column('refresh_token_ttl', sa.Integer(), nullable=True),
    sa.Column('homepage', sa.String(length=2048), nullable=True),
    sa.Column('logo', sa.LargeBinary(), nullable=True),
    sa.Column('logo_type', sa.String(length=32), nullable=True),
    sa.Column('color', sa.String(length=7), nullable=True),
    sa.Column('site', sa.String(length=255), nullable=True),
    sa.Column('access', sa.JSON(), nullable=False),
    sa.Column('created_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('updated_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_client')),
    sa.UniqueConstraint('api_identifier', name=op.f('uq_client_api_identifier')),
    sa.UniqueConstraint('site', name=op.f('uq_client_site'))
    )
    op.create_table('spent_assertion',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('expires_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_spent_assertion'))
    )
    with op.batch_alter_table('spent_assertion', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_spent_assertion_expires_at'), ['expires_at'], unique=False)

    op.create_table('authorization_code',
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.String(length=32), nullable=False),
    sa.Column('session_id', sa.String(length=32), nullable=False),
    sa.Column('grant_id', sa.String(length=32), nullable=False),
    sa.Column('redirect_uri', sa.Text(), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('code_challenge', sa.String(length=128), nullable=True),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('authenticated_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('consumed_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_authorization_code_client_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_authorization_code_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('code_hash', name=op.f('pk_authorization_code'))
    )
    with op.batch_alter_table('authorization_code', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_authorization_code_expires_at'), ['expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_authorization_code_user_id'), ['user_id'], unique=False)

    op.create_table('client_origin',
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('origin', sa.String(length=255), nullable=False),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_client_origin_client_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('client_id', 'origin', name=op.f('pk_client_origin'))
    )
    with op.batch_alter_table('client_origin', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_client_origin_origin'), ['origin'], unique=False)

    op.create_table('consent',
    sa.Column('user_id', sa.String(length=32), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('granted_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_consent_client_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_consent_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'client_id', name=op.f('pk_consent'))
    )
    with op.batch_alter_table('consent', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_consent_client_id'), ['client_id'], unique=False)

    op.create_table('device_code',
    sa.Column('device_hash', sa.String(length=64), nullable=False),
    sa.Column('user_code_hash', sa.String(length=64), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('user_id', sa.String(length=32), nullable=True),
    sa.Column('authenticated_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.Column('interval_s', sa.SmallInteger(), nullable=False),
    sa.Column('polled_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.Column('created_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_device_code_client_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_device_code_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('device_hash', name=op.f('pk_device_code')),
    sa.UniqueConstraint('user_code_hash', name=op.f('uq_device_code_user_code_hash'))
    )
    with op.batch_alter_table('device_code', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_device_code_expires_at'), ['expires_at'], unique=False)

    op.create_table('logout_notice',
    sa.Column('session_id', sa.String(length=32), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.String(length=32), nullable=False),
    sa.Column('created_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('due_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.SmallInteger(), nullable=False),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_logout_notice_client_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('session_id', 'client_id', name=op.f('pk_logout_notice'))
    )
    with op.batch_alter_table('logout_notice', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_logout_notice_due_at'), ['due_at'], unique=False)

    op.create_table('pairwise_subject',
    sa.Column('sector', sa.String(length=255), nullable=False),
    sa.Column('user_id', sa.String(length=32), nullable=False),
    sa.Column('subject', sa.String(length=43), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_pairwise_subject_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('sector', 'user_id', name=op.f('pk_pairwise_subject')),
    sa.UniqueConstraint('subject', name=op.f('uq_pairwise_subject_subject'))
    )
    op.create_table('pending_request',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=True),
    sa.Column('push_hash', sa.String(length=64), nullable=True),
    sa.Column('browser_hash', sa.String(length=64), nullable=True),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('challenge_id', sa.String(length=32), nullable=True),
    sa.Column('registration_id', sa.String(length=32), nullable=True),
    sa.Column('created_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', auth_portal.db.UTCDateTime(timezone=True), nullable=False),
    sa.Column('chosen_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.Column('consented_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.Column('finished_at', auth_portal.db.UTCDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_pending_request_client_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pending_request')),
    sa.UniqueConstraint('push_hash', name=op.f('uq_pending_request_push_hash'))
    )
    with op.batch_alter_table('pending_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pending_request_challenge_id'), ['challenge_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_pending_request_expires_at'), ['expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_pending_request_registration_id'), ['registration_id'], unique=False)

    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('parent_id', sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column('scope', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('parameters', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('is_offline', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_index(batch_op.f('ix_session_parent_id'), ['parent_id'], unique=False, sqlite_where=sa.text('parent_id IS NOT NULL'), postgresql_where=sa.text('parent_id IS NOT NULL'))

    # With the user alone, SQLite reads the primary key from its beginning to find the least of a person's addresses.
    with op.batch_alter_table('identifier', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_identifier_user_id'))
        batch_op.create_index(batch_op.f('ix_identifier_user_id_channel_value'), ['user_id', 'channel', 'value'], unique=False)
