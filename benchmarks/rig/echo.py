"""How long it takes until something that was sent says that it is done, over a port of this machine."""

import socket
import threading
import time
from collections.abc import Callable
from typing import TypedDict

PATIENCE_S = 60.0
Send = Callable[[int, int], object]

_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Trips(TypedDict):
    """What was measured: seconds of each round trip alone, and of the whole burst."""

    alone_s: list[float]
    burst_s: float


def tell_done(number: int, port: int) -> None:
    """Send a number to a port of this machine."""
    _socket.sendto(str(number).encode(), ("127.0.0.1", port))


def make_trips(send: Send, *, alone: int, burst: int) -> Trips:
    """Send numbers and wait for their echo: some one by one, then many at once.

    Args:
        send: called with a number and a port, on which the number is to be echoed.

    Raises:
        TimeoutError: an echo did not come within a minute.
    """
    ear = _Ear()
    try:
        seconds = []
        for number in range(alone):
            began = time.perf_counter()
            send(number, ear.port)
            seconds.append(ear.heard(number) - began)
        began = time.perf_counter()
        for number in range(alone, alone + burst):
            send(number, ear.port)
        last = max((ear.heard(number) for number in range(alone, alone + burst)), default=began)
        return {"alone_s": seconds, "burst_s": last - began}
    finally:
        ear.close()


class _Ear:
    """Listens from a thread, so that no echo waits for whoever sends."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._at: dict[int, float] = {}
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def heard(self, number: int) -> float:
        """Return when a number came, waiting for it."""
        with self._news:
            if not self._news.wait_for(lambda: number in self._at, PATIENCE_S):
                raise TimeoutError(f"number {number} was not done within {PATIENCE_S:.0f} s")
            return self._at[number]

    def close(self) -> None:
        """Listen no more."""
        _socket.sendto(b"", ("127.0.0.1", self.port))

    def _listen(self) -> None:
        with self._socket:
            while said := self._socket.recv(20):
                with self._news:
                    self._at.setdefault(int(said), time.perf_counter())
                    self._news.notify_all()
