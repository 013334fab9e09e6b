"""The clock that attackers move and the portal reads: one number in a small file that all processes map.

Whoever plays moves it, and only while none of its requests is under way. So it stands still for each request, and
all processes of a portal have the same time. Only whole seconds are kept: eight bytes, read and written at once.
"""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime
from pathlib import Path

START = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())
"""When every play begins: whatever the machine's clock says, each run is the same."""
MINUTE, HOUR, DAY = 60, 3_600, 86_400
_LAYOUT = struct.Struct("<q")


class Clock:
    """Seconds since the epoch, in a file. The player makes it, a portal's process opens what is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(_LAYOUT.pack(START))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)

    @property
    def now(self) -> int:
        """The time."""
        return int(_LAYOUT.unpack_from(self._memory)[0])

    def move_to(self, moment: int) -> None:
        """Set it to a moment that is not in the past."""
        if moment < self.now:
            raise ValueError("this clock never goes back")
        _LAYOUT.pack_into(self._memory, 0, moment)

    def shift(self, seconds: int) -> None:
        """Move it on."""
        self.move_to(self.now + seconds)
