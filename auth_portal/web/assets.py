"""Static files: fingerprinted in their address, compressed once, and cached for a year.

Pages are not compressed: how well a secret beside a chosen text compresses tells the secret (BREACH).
"""

from __future__ import annotations

import hashlib
from functools import cache
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
    compress = Compress(app)

    def add_fingerprint(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            values["v"] = fingerprint(folder / values["filename"])

    def cache_asset(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 206, 304):
            response.vary.add("Accept-Encoding")
            asset = folder / (request.view_args or {}).get("filename", "")
            lasting = request.args.get("v") == fingerprint(asset)
            response.headers["Cache-Control"] = (
                f"public, max-age={_YEAR_S}, immutable" if lasting else "public, max-age=300"
            )
        if request.endpoint == "static" and response.status_code == 200:
            response.direct_passthrough = False
            response.set_data(response.get_data())
            g.asset = f"{request.path} {response.get_etag()[0]}"
            return compress.after_request(response)
        return response

    app.url_defaults(add_fingerprint)
    app.after_request(cache_asset)


@cache
def fingerprint(path: Path) -> str:
    """The first 40 bits of a file's SHA-256; empty where there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10] if path.is_file() else ""
