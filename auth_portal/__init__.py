"""auth-portal: a self-hosted sign-in portal without passwords.

The rooms, from the top; a room imports only rooms below it (``make lint`` holds it to that):

=============  =====================================================================================
``cli``        the ``auth-portal`` command
``app``        ``create_app(settings)``: the only place where things are wired together
``web``        the doors: JSON (``api``), pages (``pages``), what both share (errors, security, i18n)
``delivery``   letters out: relays with fail-over, the development mailbox, one function per letter
``signin``     the rules: codes, challenges, limits, users, registration, sessions, tokens, keys
``schema``     the schema's version: migrations, readiness
``models``     everything stored, a file per subject
``prepared``   statements of the sign-in path, compiled once
``db``         the database: engine, column types, the clock
``settings``   everything settable
``errors``     every refusal
=============  =====================================================================================

``docs/architecture.md`` walks a request through them.
"""
