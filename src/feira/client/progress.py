"""Tells people how far work has come: a bar in a terminal, a line now and then elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

LINES = 10


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something has come; `total` is 0 while nobody knows."""

    what: str
    done: int
    total: int

    @property
    def share(self) -> float:
        """From 0 to 1; 0 while nobody knows."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


OnProgress = Callable[[Progress], None]


@contextmanager
def telling(wish: bool | OnProgress, *, unit_bytes: bool = False, stream: TextIO | None = None) -> Iterator[OnProgress]:
    """Yield what to call with each piece of news.

    Args:
        wish: your own function, or True for a bar where there is a terminal and rich is installed, and for at most
            `LINES` lines per task on `stream` where not; False tells nobody.
        unit_bytes: what is counted are bytes.
        stream: stderr when None.
    """
    stream = stream or sys.stderr
    if callable(wish):
        yield wish
    elif not wish:
        yield lambda _news: None
    elif stream.isatty() and _has_rich():
        with _bar(stream, unit_bytes=unit_bytes) as tell:
            yield tell
    else:
        yield Lines(stream)


class Lines:
    """Writes a line when the task changes, and when another tenth of it is done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: tuple[str, int] | None = None

    def __call__(self, news: Progress) -> None:
        """Write the news unless they are hardly any."""
        now = (news.what, int(news.share * LINES))
        if now == self._last:
            return
        self._last = now
        print(f"{news.what}: {news.share:.0%}" if news.total else news.what, file=self._stream, flush=True)


def _has_rich() -> bool:
    try:
        import rich.progress  # noqa: F401, PLC0415 - a nicety, not a need
    except ImportError:
        return False
    return True


@contextmanager
def _bar(stream: TextIO, *, unit_bytes: bool) -> Iterator[OnProgress]:
    from rich import progress as bars  # noqa: PLC0415 - a nicety, not a need
    from rich.console import Console  # noqa: PLC0415 - as above

    counted = bars.DownloadColumn() if unit_bytes else bars.MofNCompleteColumn()
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), counted, bars.TimeRemainingColumn())
    with bars.Progress(*columns, console=Console(file=stream)) as shown:
        task = shown.add_task("")
        yield lambda news: shown.update(task, description=news.what, completed=news.done, total=news.total or None)
