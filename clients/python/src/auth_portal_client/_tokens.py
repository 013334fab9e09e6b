"""The tokens of a sign-in: kept, renewed by one refresh at a time, and forgotten."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4
from weakref import WeakValueDictionary

from auth_portal_client._errors import PortalError, is_dead, signed_out
from auth_portal_client.types import LoggedIn

MARGIN_S = 30
"""How long before its end an access token is renewed: half a minute, or a fifth of a short life."""


class TokenStorage(Protocol):
    """Where the tokens are kept, as one text; None takes them away.

    Whoever can read it is signed in as this person. Clients that are given the same object share a sign-in.
    """

    def get(self) -> str | None:
        """The text that was kept last."""

    def set(self, text: str | None) -> None:
        """Keep a text in its place."""


class FileStorage:
    """Keeps the tokens in a file that only its owner may read."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def get(self) -> str | None:
        """The text of the file, None where there is none."""
        try:
            return self._path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return None

    def set(self, text: str | None) -> None:
        """Replace the file in one step: who reads meanwhile gets the former text or this one."""
        if text is None:
            self._path.unlink(missing_ok=True)
            return
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


class _Memory:
    def __init__(self) -> None:
        self._text: str | None = None

    def get(self) -> str | None:
        return self._text

    def set(self, text: str | None) -> None:
        self._text = text


@dataclass(frozen=True, repr=False)
class Kept:
    """What is remembered of a sign-in; a refresh leaves its id. The two moments are by this machine's clock."""

    sign_in_id: str
    access_token: str
    refresh_token: str
    renew_at: float
    over_at: float


class _Shared:
    """What all clients of a storage have in common."""

    def __init__(self) -> None:
        self.turn = threading.Lock()  # held by whoever changes the tokens, over the refresh too
        self.guard = threading.Lock()  # of the flight, never held for long
        self.flight: Future[Kept] | None = None


_shared: WeakValueDictionary[int, _Shared] = WeakValueDictionary()
_shared_guard = threading.Lock()


class Tokens:
    """The tokens in a storage. May be used by many threads."""

    def __init__(
        self,
        storage: TokenStorage | None,
        refresh: Callable[[str], LoggedIn],
        on_signed_out: Callable[[], object] | None,
    ) -> None:
        self._storage: TokenStorage = storage if storage is not None else _Memory()
        self._refresh = refresh
        self._on_signed_out = on_signed_out
        self._guard = threading.Lock()  # of the two below
        self._is_signed_in = False
        self._is_due = False
        with _shared_guard:
            self._shared = _shared.setdefault(id(self._storage), _Shared())

    def keep(self, answer: LoggedIn, asked_at: float) -> None:
        """Keep the tokens of a sign-in that was asked for at this moment."""
        with self._turn():
            self._write(answer, asked_at, uuid4().hex)

    def forget(self) -> None:
        """Forget them; the app that does so is not told."""
        with self._turn():
            with self._guard:
                self._is_signed_in = False
            self._storage.set(None)

    def are_kept(self) -> bool:
        """Whether there are tokens. Their session may be over nevertheless: only the portal knows."""
        kept = self._read()
        self._tell()
        return kept is not None

    def good(self) -> Kept:
        """Tokens whose access token is good for a while; refreshes where it must. Raises PortalError."""
        kept = self._read()
        self._tell()
        if kept is None:
            raise signed_out()
        if time.time() < kept.renew_at:
            return kept
        try:
            another = self.another(kept)
        except Exception as error:
            # The portal is away for a moment. What is still good is used until its end.
            if is_dead(error) or time.time() >= kept.over_at:
                raise
            return kept
        if another.sign_in_id != kept.sign_in_id:
            raise signed_out()
        return another

    def another(self, stale: Kept) -> Kept:
        """Other tokens than these, whose access token was refused or is over. Threads at the same time share a call.

        They may be those of another sign-in: who has a request of the former one compares.
        """
        with self._shared.guard:
            flight = self._shared.flight
            mine: Future[Kept] | None = None
            if flight is None:
                flight = mine = self._shared.flight = Future()
        if mine is not None:
            self._fly(mine, stale)
        try:
            return flight.result()
        except PortalError:
            self._read()  # another client of this storage may have found out
            self._tell()
            raise

    def rotate(self) -> LoggedIn:
        """Refresh now, needed or not. Raises PortalError."""
        with self._turn():
            return self._renew(self._must_read())[1]

    def _fly(self, flight: Future[Kept], stale: Kept) -> None:
        try:
            with self._shared.turn:
                kept = self._replace(stale)
        except BaseException as error:
            self._land()
            flight.set_exception(error)
        else:
            self._land()
            flight.set_result(kept)

    def _land(self) -> None:
        with self._shared.guard:
            self._shared.flight = None

    def _replace(self, stale: Kept) -> Kept:
        kept = self._must_read()
        if kept.access_token != stale.access_token:
            return kept
        try:
            return self._renew(kept)[0]
        except PortalError as error:
            others = self._read() if is_dead(error) else None
            if others is None:
                raise
            return others

    def _renew(self, kept: Kept) -> tuple[Kept, LoggedIn]:
        asked_at = time.time()
        try:
            answer = self._refresh(kept.refresh_token)
        except PortalError as error:
            # Another process may have signed in meanwhile: its tokens stay.
            if is_dead(error):
                now = self._read()
                if now is not None and now.refresh_token == kept.refresh_token:
                    self._storage.set(None)
                    self._read()
            raise
        return self._write(answer, asked_at, kept.sign_in_id), answer

    def _write(self, answer: LoggedIn, asked_at: float, sign_in_id: str) -> Kept:
        over_at = asked_at + answer["expiresIn"]
        margin = min(MARGIN_S, answer["expiresIn"] / 5)
        kept = Kept(sign_in_id, answer["accessToken"], answer["refreshToken"], over_at - margin, over_at)
        with self._guard:
            self._is_signed_in = True
        self._storage.set(json.dumps(asdict(kept)))
        return kept

    def _must_read(self) -> Kept:
        kept = self._read()
        if kept is None:
            raise signed_out()
        return kept

    def _read(self) -> Kept | None:
        """Whoever finds the tokens gone owes the app a word, once, whoever took them away."""
        kept = _parsed(self._storage.get())
        with self._guard:
            if kept is None and self._is_signed_in:
                self._is_due = True
            self._is_signed_in = kept is not None
        return kept

    def _tell(self) -> None:
        """Without a lock: the app may sign in again in the callback."""
        with self._guard:
            is_due, self._is_due = self._is_due, False
        if is_due and self._on_signed_out is not None:
            self._on_signed_out()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        try:
            with self._shared.turn:
                yield
        finally:
            self._tell()


def _parsed(text: str | None) -> Kept | None:
    """What is no record of ours is none: then nobody is signed in."""
    if not text:
        return None
    try:
        kept = Kept(**json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (kept.sign_in_id, kept.access_token, kept.refresh_token)
    times = (kept.renew_at, kept.over_at)
    is_whole = all(isinstance(one, str) for one in texts) and all(isinstance(one, (int, float)) for one in times)
    return kept if is_whole else None
