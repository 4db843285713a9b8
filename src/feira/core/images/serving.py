"""What a process that reads photos for others does all its life: limit itself, receive, answer."""

import json
import math
import os
import resource
import sys
from collections.abc import Callable
from typing import BinaryIO

from PIL import AvifImagePlugin

from feira.core.errors import InvalidImage
from feira.core.images.intake import too_much_memory
from feira.core.images.limits import IntakeLimits
from feira.core.images.wire import LENGTH, READY, frame, pack_refusal


def limits_from_arguments() -> IntakeLimits:
    """Return the limits that stand as JSON in the only argument of this process."""
    return IntakeLimits(**json.loads(sys.argv[1]))


def serve(limits: IntakeLimits, answer: Callable[[bytes], bytes]) -> None:
    """Answer one request after another until the parent hangs up.

    Args:
        answer: from a request, an answer. `InvalidImage` and `MemoryError` become refusals; anything else ends the
            process, which its parent takes for a damaged photo.
    """
    requests = sys.stdin.buffer
    # Answers go out on a copy of the output; whatever a decoder prints ends on the error stream and cannot forge one.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # One thread per decoder: each further one reserves address space, of which the limit leaves little to spare.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _send(answers, READY)
    while (request := _receive(requests)) is not None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime + limits.timeout_s) + 1)
        _send(answers, _answered(request, limits, answer))


def _answered(request: bytes, limits: IntakeLimits, answer: Callable[[bytes], bytes]) -> bytes:
    try:
        return answer(request)
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


def _receive(requests: BinaryIO) -> bytes | None:
    prefix = requests.read(LENGTH.size)
    if len(prefix) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(prefix)
    content = requests.read(length)
    return content if len(content) == length else None


def _send(answers: BinaryIO, body: bytes) -> None:
    answers.write(frame(body))
    answers.flush()
