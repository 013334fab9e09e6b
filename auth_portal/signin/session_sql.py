"""The SQL of sessions and grants. How sessions end is in ``endings``, how refresh tokens follow in ``refreshing``."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select, update

from auth_portal.models import RefreshToken, Session, User
from auth_portal.prepared import Prepared
from auth_portal.signin.lifetimes import IS_LIVE
from auth_portal.signin.users import USER_COLUMNS

_LIVE = (
    select(
        *USER_COLUMNS,
        Session.id.label("session_id"),
        Session.client_id,
        Session.channel,
        Session.authenticated_at,
        Session.last_seen_at,
        Session.expires_at,
        Session.parent_id,
        Session.scope,
        Session.parameters,
    )
    .join(User, User.id == Session.user_id)
    .where(IS_LIVE, User.suspended_at.is_(None), User.erase_at.is_(None))
)
BY_SECRET = _LIVE.where(Session.secret_hash == bindparam("secret_hash"), Session.client_id == bindparam("client_id"))
BY_ID = _LIVE.where(Session.id == bindparam("session_id"))
USER_OF = select(Session.user_id).where(Session.id == bindparam("session_id"))
BY_REFRESH = _LIVE.where(
    Session.id
    == select(RefreshToken.session_id).where(RefreshToken.token_hash == bindparam("hash")).scalar_subquery(),
    Session.client_id == bindparam("client_id"),
)
INSERT_SESSION = Prepared(insert(Session), tuple(Session.__table__.columns.keys()))
SEEN = (
    update(Session)
    # Of many requests at once one writes; the others find that it is noted.
    .where(Session.id == bindparam("seen_id"), Session.last_seen_at <= bindparam("not_since"))
    .values(last_seen_at=bindparam("now"))
)
UNUSED = select(RefreshToken.token_hash).where(
    RefreshToken.token_hash == bindparam("hash"), RefreshToken.used_at.is_(None)
)
