"""The JSON API: ``/api/v1``. Parses, calls one service method, answers in the envelope."""
