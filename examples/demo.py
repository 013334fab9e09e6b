"""`make demo`: the portal and three apps that sign people in through it, ready to click. Ctrl-C ends all of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEPT = Path(os.environ.get("DEMO_STATE", ROOT / "instance" / "demo.json"))
"""The apps' ids and secrets, so that the next demo finds them registered."""
PATIENCE_S = 60.0


def port(name: str, default: int) -> int:
    """A port, from the environment where it is set."""
    return int(os.environ.get(name, default))


PORTAL = f"http://127.0.0.1:{port('PORT', 8000)}"
SHOP = f"http://127.0.0.1:{port('SHOP_PORT', 5001)}"
PAGE = f"http://127.0.0.1:{port('SPA_PORT', 5002)}"
API = f"http://127.0.0.1:{port('API_PORT', 5003)}"
APPS = {
    "shop": {
        "name": "Demo Shop",
        "color": "#8a3ffc",
        "redirect-uri": f"{SHOP}/callback",
        "post-logout-redirect-uri": f"{SHOP}/",
        "homepage": f"{SHOP}/",
    },
    "spa": {
        "name": "Demo Page",
        "color": "#0f62fe",
        "auth-method": "none",
        "redirect-uri": f"{PAGE}/",
        "post-logout-redirect-uri": f"{PAGE}/",
        "homepage": f"{PAGE}/",
        "resource": API,
    },
}
"""Each app's options of `auth-portal client create`."""


def main() -> int:
    """Start everything, wait for Ctrl-C, end everything."""
    environment = os.environ | {"AUTH_PORTAL_ENV": "development", "PORT": str(port("PORT", 8000))}
    running = [start([sys.executable, "-m", "gunicorn", "wsgi:app"], environment)]
    try:
        wait_for(f"{PORTAL}/readyz", running[0])
        apps = registered(environment)
        shared = environment | {"PORTAL_URL": PORTAL, "API_URL": API, "SPA_ORIGIN": PAGE}
        shop = {"SHOP_CLIENT_ID": apps["shop"]["client_id"], "SHOP_CLIENT_SECRET": apps["shop"]["client_secret"]}
        running.append(start([sys.executable, "examples/shop/app.py"], shared | shop, is_quiet=True))
        page = {"SPA_CLIENT_ID": apps["spa"]["client_id"]}
        running.append(start([sys.executable, "examples/spa/serve.py"], shared | page, is_quiet=True))
        running.append(start([sys.executable, "examples/api/app.py"], shared, is_quiet=True))
        for address, process in ((f"{SHOP}/", running[1]), (f"{PAGE}/", running[2]), (f"{API}/orders", running[3])):
            wait_for(address, process)
        print(f"\n  Shop     {SHOP}\n  Page     {PAGE}\n  API      {API}/orders\n", flush=True)
        running[0].wait()
    except KeyboardInterrupt:
        pass
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait()
    return 0


def start(command: list[str], environment: dict[str, str], *, is_quiet: bool = False) -> subprocess.Popen[bytes]:
    """Start one program. In a group of its own: Ctrl-C is for us, and we end what we started."""
    out = subprocess.DEVNULL if is_quiet else None
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out, process_group=0)


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Return once it answers, whatever it says. Raises RuntimeError if it ends before, or takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{address} does not answer; is its port taken?")


def registered(environment: dict[str, str]) -> dict[str, Any]:
    """The apps, registered now or at an earlier demo at the same addresses."""
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name, options in APPS.items():
        known = kept.get(name, {})
        if known.get("options") == options and portal_command(["show", known["client_id"]], environment) is not None:
            continue
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        made = portal_command(["create", *words], environment)
        if made is None:
            raise RuntimeError(f"the {name} could not be registered")
        kept[name] = {**made, "options": options}
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.touch(0o600)
    KEPT.write_text(json.dumps(kept, indent=2))
    return kept


def portal_command(words: list[str], environment: dict[str, str]) -> dict[str, Any] | None:
    """What `auth-portal client …` prints; None where it refused."""
    command = [sys.executable, "-m", "auth_portal.cli", "client", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    found: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
