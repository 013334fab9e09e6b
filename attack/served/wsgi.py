"""What gunicorn serves here: the portal's own ``wsgi:app``, behind the witness."""

import os
import runpy
from pathlib import Path

from flask import Flask

from attack.clock import Clock
from attack.served.witness import Witness

ROOT = Path(__file__).resolve().parents[2]

app: Flask = runpy.run_path(str(ROOT / "wsgi.py"))["app"]
app.extensions["witness"] = Witness(
    app, Clock(Path(os.environ["ATTACK_CLOCK"])), counts_site="ATTACK_COUNTS_SITE" in os.environ
)
