"""The rules of signing in. Every door uses them; a rule exists once, here.

Nothing in this room knows a request: it gets values, an engine, settings and a deliverer, and returns facts
or raises a ``PortalError``. A service method is one use case and commits its own work.
"""
