"""auth-portal: a self-hosted sign-in portal without passwords.

The rooms, from the top; a room imports only rooms below it (``make lint`` holds it to that):

=============  =====================================================================================
``cli``        the ``auth-portal`` command
``app``        ``create_app(settings)``: the services behind their doors
``wiring``     builds the services; the only place that knows what needs what
``web``        the doors: JSON (``api``), pages (``pages``), what both share (errors, security, i18n)
``oidc``       sign-in for other apps
``delivery``   letters and texts out: relays and gateways with fail-over, one function per letter
``signin``     the rules: codes, budget, limits, people and their addresses, sessions, events, keys
``schema``     the schema's version: migrations, readiness
``models``     everything stored, a file per subject
``prepared``   statements of the sign-in path, compiled once
``db``         the database: engine, column types, the clock
``settings``   everything settable
``errors``     every refusal
=============  =====================================================================================

``docs/architecture.md`` walks a request through them.
"""
