"""The protocol endpoints for clients (OAuth 2.0, OpenID Connect), and their pages."""
