"""Serves the page, and the three addresses it must know. Any web server could."""

from __future__ import annotations

import json
import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIG = {
    "portalUrl": os.environ.get("PORTAL_URL", "http://127.0.0.1:8000"),
    "clientId": os.environ["SPA_CLIENT_ID"],
    "apiUrl": os.environ.get("API_URL", "http://127.0.0.1:5003"),
}


class Handler(SimpleHTTPRequestHandler):
    """The files of this folder, and `config.js`."""

    def do_GET(self) -> None:
        """Answer."""
        if self.path != "/config.js":
            return super().do_GET()
        body = "".join(f"export const {name} = {json.dumps(value)};\n" for name, value in CONFIG.items()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_: object) -> None:
        """Say nothing: the address holds a code on the way back."""


if __name__ == "__main__":
    address = ("127.0.0.1", int(os.environ.get("SPA_PORT", "5002")))
    ThreadingHTTPServer(address, partial(Handler, directory=Path(__file__).parent)).serve_forever()
