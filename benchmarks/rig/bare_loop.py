"""The yardstick of an import: processes that only read, decode, make renditions and embed."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Self

from feira.core.encoders.protocol import Encoder
from feira.core.images.intake import read_photo
from feira.core.images.renditions import make_renditions, tint_of
from feira.engine.registry import open_encoder
from rig.processes import machine_cpu_s

STAGES = ("read", "decode", "renditions", "embed")
BATCH = 16

_encoders: list[Encoder] = []


class BareLoop:
    """Some processes with an encoder each; `run` adds to what stands here, all in seconds.

    Attributes:
        seconds: on the clock.
        cpu_s, machine_cpu_s: processor time of the processes, and of everything on the machine meanwhile.
        stages: on the clock of each process, added up; a busy machine stretches them.
    """

    def __init__(self, *, processes: int, encoder: str, models_dir: Path) -> None:
        self.seconds = self.cpu_s = self.machine_cpu_s = 0.0
        self.stages = dict.fromkeys(STAGES, 0.0)
        prepare = partial(_open_encoder, encoder, models_dir)
        self._pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=prepare)
        self._processes = processes

    def __enter__(self) -> Self:
        # Start and warm every process before the clock runs.
        list(self._pool.map(time.sleep, [0.2] * self._processes))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def run(self, photos: Sequence[Path]) -> None:
        """Work through the photos, sixteen at a time in whichever process is free."""
        started, busy_before = time.perf_counter(), machine_cpu_s()
        for stages, cpu_s in self._pool.map(_work, [photos[at : at + BATCH] for at in range(0, len(photos), BATCH)]):
            self.cpu_s += cpu_s
            for stage, seconds in stages.items():
                self.stages[stage] += seconds
        self.seconds += time.perf_counter() - started
        self.machine_cpu_s += machine_cpu_s() - busy_before

    def add(self, other: "BareLoop") -> None:
        """Count another run as part of this one."""
        self.seconds += other.seconds
        self.cpu_s += other.cpu_s
        self.machine_cpu_s += other.machine_cpu_s
        for stage in STAGES:
            self.stages[stage] += other.stages[stage]


def _open_encoder(encoder: str, models_dir: Path) -> None:
    _encoders.append(open_encoder(encoder, models_dir=models_dir, threads=1))


def _work(photos: Sequence[Path]) -> tuple[dict[str, float], float]:
    """Return the seconds of each stage and the processor time of all."""
    stages = dict.fromkeys(STAGES, 0.0)
    cpu_started = time.process_time()
    pixels = []
    for path in photos:
        clock = [time.perf_counter()]
        content = path.read_bytes()
        clock.append(time.perf_counter())
        photo = read_photo(content)
        clock.append(time.perf_counter())
        make_renditions(photo.pixels)
        tint_of(photo.pixels)
        clock.append(time.perf_counter())
        pixels.append(photo.pixels)
        for stage, begin, end in zip(STAGES, clock, clock[1:], strict=False):
            stages[stage] += end - begin
    started = time.perf_counter()
    _encoders[0].encode_images(pixels)
    stages["embed"] += time.perf_counter() - started
    return stages, time.process_time() - cpu_started
