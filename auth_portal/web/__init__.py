"""The doors. ``api`` (JSON) and ``pages`` (HTML) do not know each other; what both need lies beside them."""
