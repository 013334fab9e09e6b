"""Static files: fingerprinted in their address, compressed once, and cached for a year.

Pages are not compressed: how well a secret beside a chosen text compresses tells the secret (BREACH).
"""

from __future__ import annotations

import hashlib
from functools import cache
from os.path import normpath
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from flask_compress import Compress, DictCache

_YEAR_S = 365 * 86_400


def init_assets(app: Flask) -> None:
    """Add each file's fingerprint to its address; let browsers keep what has the right one."""
    folder = Path(str(app.static_folder))
    app.config |= {
        "COMPRESS_REGISTER": False,
        "COMPRESS_ALGORITHM": ["br", "gzip"],
        # Each file is compressed once, so it may take its time.
        "COMPRESS_BR_LEVEL": 11,
        "COMPRESS_LEVEL": 9,
        "COMPRESS_CACHE_BACKEND": DictCache,
        "COMPRESS_CACHE_KEY": lambda _request: g.asset,
    }
    compress = app.extensions["compress"] = Compress(app)

    def add_fingerprint(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            values["v"] = fingerprint(folder / values["filename"])

    def cache_asset(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 206, 304):
            # However its address is spelt ("x/../portal.css"), a file is one: what is kept of it has its own name.
            asset = Path(normpath(folder / (request.view_args or {})["filename"]))
            response.vary.add("Accept-Encoding")
            keep(response, fingerprint(asset))
            # The library knows no "q=0": where somebody refuses an encoding, none is used.
            if response.status_code == 200 and all(quality for _, quality in request.accept_encodings):
                response.direct_passthrough = False
                response.set_data(response.get_data())
                g.asset = f"{asset} {response.get_etag()[0]}"
                return compress.after_request(response)
        return response

    app.url_defaults(add_fingerprint)
    app.after_request(cache_asset)


def keep(response: Response, version: str) -> None:
    """Let it be kept for a year under the address that has its version, else for five minutes."""
    lasting = request.args.get("v") == version
    response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable" if lasting else "public, max-age=300"


@cache
def fingerprint(path: Path) -> str:
    """The first 40 bits of a file's SHA-256; empty where there is no such file."""
    return version_of(path.read_bytes()) if path.is_file() else ""


def version_of(content: bytes) -> str:
    """The first 40 bits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:10]
