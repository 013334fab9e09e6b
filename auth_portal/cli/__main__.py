"""``python -m auth_portal.cli``."""

from auth_portal.cli import main

main()
