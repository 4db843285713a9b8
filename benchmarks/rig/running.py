"""One process of a shop beside others, with a log in the shop's folder."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from rig.shop import Shop

STOP_S = 20.0
_numbers = count(1)


@contextmanager
def running(command: list[str], shop: Shop) -> Iterator[int]:
    """Yield the number of a process that ends with the block, its children too."""
    log = (shop.folder / f"process-{next(_numbers)}.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, env=shop.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            yield process.pid
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
