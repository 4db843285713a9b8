"""A load generator: some people who each ask for one page after the other, over kept connections."""

import http.client
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_S = 30.0


@dataclass(slots=True)
class Load:
    """What came of it: seconds of every answered request, how long it went on, how many bytes came, its cost."""

    seconds: list[float] = field(default_factory=list)
    lasted_s: float = 0.0
    cpu_s: float = 0.0
    bytes_received: int = 0
    faults: list[str] = field(default_factory=list)


def press(address: str, paths: Sequence[str], *, people: int, seconds: float) -> Load:
    """Ask for the paths in turn, `people` at a time, for some seconds; answers other than 200 count as faults.

    Each request says it comes from an address of its own, as through a proxy: limits per visitor are not what is
    measured here.
    """
    turns = itertools.count()
    until = time.perf_counter() + seconds
    loads = [Load() for _person in range(people)]
    threads = [threading.Thread(target=_ask_on, args=(address, paths, turns, until, load)) for load in loads]
    began, cpu_began = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(
        seconds=[each for load in loads for each in load.seconds],
        lasted_s=time.perf_counter() - began,
        cpu_s=time.process_time() - cpu_began,
        bytes_received=sum(load.bytes_received for load in loads),
        faults=[each for load in loads for each in load.faults],
    )


def _ask_on(address: str, paths: Sequence[str], turns: Iterator[int], until: float, load: Load) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_S)
    while time.perf_counter() < until:
        turn = next(turns)
        path = paths[turn % len(paths)]
        began = time.perf_counter()
        try:
            connection.request(
                "GET", path, headers={"X-Forwarded-For": f"10.{turn >> 16 & 255}.{turn >> 8 & 255}.{turn & 255}"}
            )
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            load.faults.append(f"{path}: {error!r}")
            connection.close()
            continue
        load.seconds.append(time.perf_counter() - began)
        load.bytes_received += len(content)
        if answer.status != 200:
            load.faults.append(f"{path}: {answer.status}")
    connection.close()
