"""Client of the JSON API of an auth-portal: signing in by code, and calls with a token that renews itself."""

from auth_portal_client._errors import PortalError
from auth_portal_client._portal import AuthPortal
from auth_portal_client._tokens import FileStorage, TokenStorage

__all__ = ["AuthPortal", "FileStorage", "PortalError", "TokenStorage"]
