"""What a command says: data on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

PLAIN_STEPS = 10
Advance = Callable[[int], None]


def say(line: str) -> None:
    """Tell a person how it goes."""
    print(line, file=sys.stderr, flush=True)


def show_json(data: Any) -> None:
    """Print data for programs."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def show_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print data for people: one line per row, columns named by the first row's keys."""
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(soft_wrap=not sys.stdout.isatty()).print(table)


@contextmanager
def progress(what: str, total: int, *, start: int = 0) -> Iterator[Advance]:
    """Show how far a long piece of work is: a bar on a terminal, a line per tenth elsewhere.

    Yields:
        a function that takes how many more are done.
    """
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total, completed=start)
            yield lambda more: bar.advance(task, more)
        return
    done, told = start, start * PLAIN_STEPS // max(total, 1)
    say(f"{what}: {done} of {total}" if done else f"{what}: {total}")

    def advance(more: int) -> None:
        nonlocal done, told
        done += more
        if total and done * PLAIN_STEPS // total > told:
            told = done * PLAIN_STEPS // total
            say(f"{what}: {done} of {total}")

    yield advance
