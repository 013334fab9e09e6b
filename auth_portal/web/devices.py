"""A browser in words, from its User-Agent: only words of ours, so that nothing of the header is repeated."""

from __future__ import annotations

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """``Browser/System``, either of them empty where it is not known. Only a hint: anyone can claim anything."""
    head = user_agent[:512]
    browser = next((name for mark, name in _BROWSERS if mark in head), "")
    system = next((name for mark, name in _SYSTEMS if mark in head), "")
    return f"{browser}/{system}" if browser or system else ""
