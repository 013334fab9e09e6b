"""Where a client may have people sent and be told things: addresses, and an app's own scheme."""

from __future__ import annotations

import pytest

from tests.registering import columns, faults


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example",
        "https://app.example/cb?tenant=1&x=%20",
        "https://app.example:8443/cb",
        "https://xn--bcher-kva.example/cb",
        "https://192.0.2.1/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:9999/cb",
        "http://[::1]:9999/cb",
        "http://localhost:3000/cb",
    ],
)
def test_an_address_that_only_its_owner_can_answer_is_accepted(uri: str) -> None:
    """OP-03."""
    kept = columns(redirect_uris=(uri,), post_logout_redirect_uris=(uri,), backchannel_logout_uri=uri, homepage=uri)
    assert kept["redirect_uris"] == kept["post_logout_redirect_uris"] == [uri]
    assert kept["backchannel_logout_uri"] == kept["homepage"] == uri


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "must begin with https://"),
        ("/cb", "must begin with https://"),
        ("//app.example/cb", "must begin with https://"),
        ("app.example/cb", "must begin with https://"),
        ("http://app.example/cb", "must be https"),
        ("http://localhost.evil.example/cb", "must be https"),
        ("http://127.0.0.1.evil.example/cb", "must be https"),
        ("http://10.0.0.1/cb", "must be https"),
        ("https://", "has no host"),
        ("https:///cb", "has no host"),
        ("https:app.example/cb", "has no host"),
        ("https://App.example/cb", "lower-case"),
        ("HTTPS://app.example/cb", "must begin with https://"),
        ("https://app.example:port/cb", "has no host"),
        ("https://app..example/cb", "has no host"),
        ("https://app.example;script-src/cb", "has no host"),
        ("https://[::1/cb", "is not an address"),
        ("https://app.example/cb#top", "fragment"),
        ("https://app.example/cb#", "fragment"),
        ("https://*.app.example/cb", "wildcard"),
        ("https://app.example/*", "wildcard"),
        ("https://ada@app.example/cb", "user name"),
        ("https://ada:pw@app.example/cb", "user name"),
        ("https://@app.example/cb", "user name"),
        ("https://app.example\\@evil.example/cb", "backslash"),
        ("https://app.example/a b", "space"),
        ("https://app.example/a\nb", "space"),
        (" https://app.example/cb", "space"),
        ("https://app.example/\x00", "space"),
        ("https://bücher.example/cb", "ASCII"),
        ("https://app.example/" + "a" * 2_048, "longer than 2048"),
        ("https://" + "a" * 250 + ".example/cb", "has no host"),
        ("javascript:alert(1)", "must begin with https://"),
        ("data:text/html,hello", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("myapp://cb", "must begin with https://"),
        ("com.example.app:/cb", "only a public client|must begin with https://"),
    ],
)
def test_an_address_that_another_could_answer_is_refused(uri: str, reason: str) -> None:
    """OP-03."""
    assert any(part in fault for fault in faults(redirect_uris=(uri,)) for part in reason.split("|"))
    assert any(part in fault for fault in faults(post_logout_redirect_uris=(uri,)) for part in reason.split("|"))
    for field in ("backchannel_logout_uri", "homepage") if uri else ():
        assert any(part in fault for fault in faults(**{field: uri}) for part in reason.split("|"))


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "com.example.app://cb"])
def test_a_public_app_may_have_a_scheme_of_its_own(uri: str) -> None:
    """OP-66."""
    public = columns(redirect_uris=(uri,), auth_method="none", post_logout_redirect_uris=(uri,))
    assert public["redirect_uris"] == public["post_logout_redirect_uris"] == [uri]
    for single in ("backchannel_logout_uri", "jwks_uri", "homepage"):
        assert faults(auth_method="none", **{single: uri})


@pytest.mark.parametrize("uri", ["myapp:/cb", "com.example:", "com.example:/cb#x", "com.example:/*", "a.:/b"])
def test_a_scheme_that_any_app_may_have_is_refused(uri: str) -> None:
    """OP-03, OP-66."""
    assert faults(redirect_uris=(uri,), auth_method="none")
