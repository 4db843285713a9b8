"""Fetching a stream from a shop: when it begins, how long it takes, how much it is."""

import time
from dataclasses import dataclass

import httpx

PATIENCE_S = 600.0


@dataclass(frozen=True)
class Fetched:
    """What came, and when; `lines` counts line ends."""

    first_byte_s: float
    seconds: float
    bytes: int
    lines: int


def fetch(address: str, *, token: str = "") -> Fetched:
    """Read an answer to its end and keep nothing of it.

    Raises:
        httpx.HTTPStatusError: it was refused.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    began, first, size, lines = time.perf_counter(), 0.0, 0, 0
    with httpx.stream("GET", address, headers=headers, timeout=PATIENCE_S) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_raw():
            first = first or time.perf_counter() - began
            size += len(chunk)
            lines += chunk.count(b"\n")
    return Fetched(first, time.perf_counter() - began, size, lines)


def first_byte(address: str, *, start: int = 0) -> float:
    """Return how many seconds pass until the first byte of a stream, or of its part from byte `start` on, is here.

    Raises:
        httpx.HTTPStatusError: it was refused.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    began = time.perf_counter()
    with httpx.stream("GET", address, headers=headers, timeout=PATIENCE_S) as answer:
        answer.raise_for_status()
        next(answer.iter_raw(1))
        return time.perf_counter() - began


def size_of(address: str) -> int:
    """Return how many bytes a stream says that it has."""
    with httpx.stream("GET", address, timeout=PATIENCE_S) as answer:
        answer.raise_for_status()
        return int(answer.headers["Content-Length"])
