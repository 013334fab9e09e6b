"""Other apps sign people in here: our side of Authlib (OpenID Connect), and forward-auth."""
