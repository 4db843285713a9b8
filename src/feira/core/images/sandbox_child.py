"""The process in which untrusted photos are decoded: reads photos from its input, answers on its output, knows nothing.

Started by `PhotoSandbox` as `python -m feira.core.images.sandbox_child`, with the limits as JSON in its only argument.
It ends when its input is closed.
"""

import json
import math
import os
import resource
import sys
from typing import BinaryIO

from PIL import AvifImagePlugin

from feira.core.errors import InvalidImage
from feira.core.images.intake import too_much_memory
from feira.core.images.limits import IntakeLimits
from feira.core.images.prepared import prepare_photo
from feira.core.images.wire import LENGTH, READY, frame, pack_prepared, pack_refusal


def main() -> None:
    """Answer one photo after another until the parent hangs up."""
    limits = IntakeLimits(**json.loads(sys.argv[1]))
    photos = sys.stdin.buffer
    # Answers go out on a copy of the output; whatever a decoder prints ends on the error stream and cannot forge one.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # One thread per decoder: each further one reserves address space, of which the limit leaves little to spare.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _send(answers, READY)
    while (content := _receive(photos)) is not None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime + limits.timeout_s) + 1)
        _send(answers, _answer(content, limits))


def _answer(content: bytes, limits: IntakeLimits) -> bytes:
    try:
        return pack_prepared(prepare_photo(content, limits))
    except InvalidImage as error:
        return pack_refusal(error)
    except MemoryError:
        return pack_refusal(too_much_memory(limits))


def _limit(what: int, value: int) -> None:
    """Set the soft limit; macOS does not enforce address space, and a stricter outer limit stays in force."""
    _, hard = resource.getrlimit(what)
    try:
        resource.setrlimit(what, (value, hard))
    except (ValueError, OSError):
        return


def _receive(photos: BinaryIO) -> bytes | None:
    prefix = photos.read(LENGTH.size)
    if len(prefix) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(prefix)
    content = photos.read(length)
    return content if len(content) == length else None


def _send(answers: BinaryIO, body: bytes) -> None:
    answers.write(frame(body))
    answers.flush()


if __name__ == "__main__":
    main()
