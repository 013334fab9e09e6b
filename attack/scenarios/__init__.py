"""The attacks, a module for each. Every module says its ``jobs``: what may be played at the same time as others."""

from __future__ import annotations

from collections.abc import Callable

from attack.portals import Stand
from attack.report import Row

Job = Callable[[Stand], list[Row]]
