"""How gunicorn serves the portal here: as production does, with connections that outlive the plays."""  # noqa: N999

import runpy
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_OWN = runpy.run_path(str(_ROOT / "gunicorn.conf.py"))
globals().update({name: value for name, value in _OWN.items() if not name.startswith("__")})

timeout = 0
keepalive = 3_600


def post_fork(server: Any, worker: Any) -> None:
    """Let the worker live by the players' clock. The master does not: it waits for its workers by the real one."""
    from wsgi import app

    app.extensions["witness"].start_clock()
    _OWN["post_fork"](server, worker)
