"""Compiled templates, kept for the process."""

from __future__ import annotations

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class CompiledOnce(BytecodeCache):
    """Templates that several environments share, compiled by the first: those of one language and of the next.

    The environments must have the same extensions and filters; the compiled code is the same then.
    """

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket, where its source was compiled before."""
        if compiled := self._compiled.get(f"{bucket.key}:{bucket.checksum}"):
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._compiled[f"{bucket.key}:{bucket.checksum}"] = bucket.bytecode_to_string()
