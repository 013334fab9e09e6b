"""The load generator: virtual users that sign in over kept-alive connections, each one after the other.

A sign-in is two requests: ask for a code, read it from the letter that the relay got, send it back. Its
latency is the time of the two requests; reading the letter is the generator's own work and not in it.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.cpu import cpu_seconds, spent
from bench.programs import Server
from bench.sink import Sink

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "auth-portal-bench/1",
}
_TIMEOUT = 30.0  # seconds for an answer; longer than any queue here


class SignInError(Exception):
    """A request was not answered as a sign-in of a known user is: the figures would mean nothing."""


@dataclass(frozen=True)
class Window:
    """One stretch of load at one concurrency: what was measured, in seconds."""

    sign_ins: int
    seconds: float
    latencies: list[float]
    server_cpu: float
    database_cpu: float


@dataclass(frozen=True)
class Load:
    """Where the load goes and whose CPU is read: the server's processes, and the database's if it has any."""

    server: Server
    database_pids: Callable[[], list[int]]
    sink: Sink

    def run(self, addresses: Sequence[str], at_once: int) -> Window:
        """Sign in every address but the first `at_once`, which only open the connections and are not counted.

        Raises SignInError for the first answer that is not as it should be.
        """
        todo, latencies, faults = iter(addresses[at_once:]), list[float](), list[BaseException]()
        gate = threading.Barrier(at_once + 1)

        def virtual_user(warm_up: str) -> None:
            try:
                self._sign_in_all(warm_up, todo, latencies, gate)
            except threading.BrokenBarrierError:
                return
            except Exception as fault:
                faults.append(fault)
                gate.abort()

        users = [threading.Thread(target=virtual_user, args=(name,), daemon=True) for name in addresses[:at_once]]
        for user in users:
            user.start()
        try:
            gate.wait()  # all are warm
            before, started = self._cpu(), time.perf_counter()
            gate.wait()  # all go
        except threading.BrokenBarrierError:
            raise faults[0] from None
        for user in users:
            user.join()
        seconds, after = time.perf_counter() - started, self._cpu()
        if faults:
            raise faults[0]
        server_cpu, database_cpu = (spent(*readings) for readings in zip(before, after, strict=True))
        return Window(len(latencies), seconds, latencies, server_cpu, database_cpu)

    def _cpu(self) -> tuple[dict[int, float], dict[int, float]]:
        return cpu_seconds(self.server.pids()), cpu_seconds(self.database_pids())

    def _sign_in_all(
        self, warm_up: str, todo: Iterator[str], latencies: list[float], gate: threading.Barrier
    ) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=_TIMEOUT)
        try:
            self._sign_in(connection, warm_up)
            gate.wait()
            gate.wait()
            for email in todo:
                latencies.append(self._sign_in(connection, email))
        finally:
            connection.close()

    def _sign_in(self, connection: http.client.HTTPConnection, email: str) -> float:
        started = time.perf_counter()
        answer = self._post(connection, "send-otp-email", {"email": email}, 201)
        sent = time.perf_counter()
        body = {"email": email, "code": self.sink.take_code(email), "challengeId": answer["challengeId"]}
        read = time.perf_counter()
        answer = self._post(connection, "login-otp-email", body, 200)
        finished = time.perf_counter()
        if not answer.get("accessToken"):
            raise SignInError(f"{self.server.program}: {email} got no access token")
        return (sent - started) + (finished - read)

    def _post(
        self, connection: http.client.HTTPConnection, operation: str, body: dict[str, Any], expected: int
    ) -> dict[str, Any]:
        connection.request("POST", f"/api/v1/auth/{operation}", json.dumps(body).encode(), _HEADERS)
        response = connection.getresponse()
        answer = response.read()
        if response.status != expected:
            text = answer.decode(errors="replace")[:500]
            raise SignInError(f"{self.server.program}: {operation} answered {response.status}: {text}")
        data: dict[str, Any] = json.loads(answer)["data"]
        return data
