"""Which kinds of job there are, what runs them, and which of them an event calls for."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from django.utils.functional import Promise

from feira.shop.jobs.errors import BadPayload, UnknownKind
from feira.shop.jobs.models import Priority

Text = str | Promise

Queue = Literal["imagery", "inference", "default"]
QUEUES: tuple[str, ...] = get_args(Queue)
# What a worker of the embedded broker takes first when it has the choice: a new photo is not to wait behind an import.
SHORTEST_FIRST: tuple[Queue, ...] = ("default", "inference", "imagery")
USUAL_LEASE_S = 60.0

# Called as `handler(job, **payload)` with a feira.shop.jobs.running.RunningJob.
Handler = Callable[..., dict[str, Any] | None]


@dataclass(frozen=True)
class Kind:
    """One kind of job and the terms it runs on."""

    name: str
    run: Handler
    queue: str
    max_attempts: int
    lease_s: float
    backoff_s: float
    max_backoff_s: float
    priority: Priority = Priority.NORMAL
    time_limit_s: float | None = None
    memory_limit_mb: float | None = None
    title: Text = ""
    describes: Text = ""

    def check(self, payload: dict[str, Any]) -> None:
        """Compare a payload with the parameters of the handler.

        Raises:
            BadPayload: a parameter is missing, or one is too many.
        """
        try:
            _signature_of(self.run).bind(None, **payload)
        except TypeError as error:
            raise BadPayload(
                f"The payload of {self.name!r} does not fit its handler: {error}. Give exactly its parameters.",
                kind=self.name,
            ) from error


@cache
def _signature_of(run: Handler) -> inspect.Signature:
    return inspect.signature(run)


_kinds: dict[str, Kind] = {}
_subscribers: dict[str, list[str]] = {}


def job(
    name: str,
    *,
    queue: Queue = "default",
    max_attempts: int = 5,
    lease_s: float = USUAL_LEASE_S,
    backoff_s: float = 2.0,
    max_backoff_s: float = 600.0,
    priority: Priority = Priority.NORMAL,
    time_limit_s: float | None = None,
    memory_limit_mb: float | None = None,
    title: Text = "",
    describes: Text = "",
) -> Callable[[Handler], Handler]:
    """Register a function as the handler of one kind of job.

    The handler must be safe to run twice: a worker may die after the work and before the note of it. Effects in the
    database belong into `job.committing()`, which keeps them together with that note.

    Args:
        name: `app.verb`, unique in the whole shop.
        queue: who is to do it.
        max_attempts: a job that failed or lost its worker this often ends as failed.
        lease_s: how long a job stays with a worker that no longer shows signs of life, in seconds.
        backoff_s: wait before the second attempt, in seconds; doubles with each further one, with jitter.
        max_backoff_s: longest wait between attempts, in seconds.
        priority: which of the jobs of a queue go first; a single job may be submitted with another one.
        time_limit_s: an attempt that takes longer is ended and counts as failed; None for no limit.
        memory_limit_mb: an attempt whose process, with the processes it has started, holds more memory in MiB is
            ended and counts as failed; None for no limit.
        title: what people call it, translatable; the name when empty.
        describes: what it does, in a sentence, translatable.

    Raises:
        ValueError: the name is taken by another function, the queue does not exist, or a limit is not positive.
    """
    for limit in (time_limit_s, memory_limit_mb):
        if limit is not None and limit <= 0:
            raise ValueError(f"The limits of {name!r} must be above zero. Leave out what is not limited.")
    if queue not in QUEUES:
        raise ValueError(f"There is no queue {queue!r}. Choose one of {', '.join(QUEUES)}.")

    def register(run: Handler) -> Handler:
        known = _kinds.get(name)
        if known is not None and (known.run.__module__, known.run.__qualname__) != (run.__module__, run.__qualname__):
            raise ValueError(f"The kind {name!r} is taken by {known.run.__module__}. Choose another name.")
        _kinds[name] = Kind(
            name=name,
            run=run,
            queue=queue,
            max_attempts=max_attempts,
            lease_s=lease_s,
            backoff_s=backoff_s,
            max_backoff_s=max_backoff_s,
            priority=priority,
            time_limit_s=time_limit_s,
            memory_limit_mb=memory_limit_mb,
            title=title or name,
            describes=describes,
        )
        return run

    return register


def subscriber(event: str) -> Callable[[Handler], Handler]:
    """Let a kind be submitted whenever `event` is announced; stands above `@job`.

    Raises:
        ValueError: the function is no registered handler.
    """

    def subscribe(run: Handler) -> Handler:
        names = [kind.name for kind in _kinds.values() if kind.run is run]
        if not names:
            raise ValueError(f"{run.__qualname__} is no job. Write @subscriber above @job.")
        listening = _subscribers.setdefault(event, [])
        listening.extend(name for name in names if name not in listening)
        return run

    return subscribe


def get_kind(name: str) -> Kind:
    """Return a kind by name.

    Raises:
        UnknownKind: no installed app registers it.
    """
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(name, known=sorted(_kinds)) from None


def kinds() -> list[Kind]:
    """Return every registered kind, by name."""
    return [_kinds[name] for name in sorted(_kinds)]


def unusual_leases() -> dict[str, float]:
    """Return the terms, in seconds, of the kinds whose leases last longer or shorter than usual."""
    return {kind.name: kind.lease_s for kind in _kinds.values() if kind.lease_s != USUAL_LEASE_S}


def subscribers_of(event: str) -> list[str]:
    """Return the names of the kinds that an event calls for, in the order of registration; perhaps none."""
    return list(_subscribers.get(event, ()))


@contextmanager
def restored() -> Iterator[None]:
    """Forget on leaving whatever was registered inside; for tests that bring their own kinds."""
    kinds, subscribers = dict(_kinds), {event: list(names) for event, names in _subscribers.items()}
    try:
        yield
    finally:
        _kinds.clear()
        _kinds.update(kinds)
        _subscribers.clear()
        _subscribers.update(subscribers)
