"""What gunicorn serves: ``gunicorn wsgi:app``."""

import sys

from auth_portal.app import create_app
from auth_portal.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    # Code 4 tells gunicorn that the application does not load, so that it stops instead of trying again.
    print(error, file=sys.stderr)  # noqa: T201
    raise SystemExit(4) from None
