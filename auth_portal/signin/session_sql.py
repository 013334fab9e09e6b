"""The SQL of sessions, grants and their refresh tokens. How sessions end is in ``endings``.

A refresh token is taken by one conditional statement that names its client, so that only one use of it wins.
"""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select, update

from auth_portal.models import RefreshToken, Session, User
from auth_portal.prepared import Prepared
from auth_portal.signin.users import USER_COLUMNS

_LIVE = (
    select(
        *USER_COLUMNS,
        Session.id.label("session_id"),
        Session.client_id,
        Session.authenticated_at,
        Session.last_seen_at,
        Session.expires_at,
        Session.parent_id,
        Session.scope,
        Session.parameters,
    )
    .join(User, User.id == Session.user_id)
    .where(
        Session.ended_at.is_(None),
        Session.expires_at > bindparam("now"),
        User.suspended_at.is_(None),
        User.erase_at.is_(None),
    )
)
BY_SECRET = _LIVE.where(Session.secret_hash == bindparam("secret_hash"), Session.client_id == bindparam("client_id"))
BY_ID = _LIVE.where(Session.id == bindparam("session_id"))
BY_REFRESH = _LIVE.where(
    Session.id
    == select(RefreshToken.session_id).where(RefreshToken.token_hash == bindparam("hash")).scalar_subquery(),
    Session.client_id == bindparam("client_id"),
)
INSERT_SESSION = Prepared(insert(Session), tuple(Session.__table__.columns.keys()))
INSERT_REFRESH = Prepared(insert(RefreshToken), tuple(RefreshToken.__table__.columns.keys()))
SEEN = update(Session).where(Session.id == bindparam("seen_id")).values(last_seen_at=bindparam("now"))
TAKE_REFRESH = (
    update(RefreshToken)
    .where(
        RefreshToken.token_hash == bindparam("hash"),
        RefreshToken.used_at.is_(None),
        RefreshToken.session_id == Session.id,
        Session.client_id == bindparam("client_id"),
    )
    .values(used_at=bindparam("now"))
    .returning(RefreshToken.session_id)
)
READ_REFRESH = (
    select(RefreshToken.session_id, RefreshToken.used_at)
    .join(Session, Session.id == RefreshToken.session_id)
    .where(RefreshToken.token_hash == bindparam("hash"), Session.client_id == bindparam("client_id"))
)
UNUSED = select(RefreshToken.token_hash).where(
    RefreshToken.token_hash == bindparam("hash"), RefreshToken.used_at.is_(None)
)
