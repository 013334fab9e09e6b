"""Real things for tests: a PostgreSQL server, a mail relay, a portal under gunicorn and a client for it.

Nothing here knows pytest or imports the portal; the fixtures that hand these out live in the conftest files.
"""
