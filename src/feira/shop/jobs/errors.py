"""Deliberate refusals around jobs."""

from feira.core.errors import FeiraError


class UnknownKind(FeiraError):
    """No installed app registers this kind of job."""

    code = "unknown_job_kind"

    def __init__(self, kind: str, *, known: list[str]) -> None:
        super().__init__(
            f"There is no kind of job named {kind!r}. Registered are: {', '.join(known) or 'none'}. "
            "Correct the name, or add the app whose tasks module registers it to INSTALLED_APPS.",
            kind=kind,
        )


class BadPayload(FeiraError):
    """The payload cannot be kept as JSON or does not fit the parameters of its kind."""

    code = "bad_job_payload"


class GiveUp(FeiraError):
    """Raised by a handler: trying again is pointless, the job fails now with this message as its reason."""

    code = "job_given_up"


class LimitReached(BaseException):
    """An attempt took longer or more memory than its kind may; raised in the midst of the handler.

    No Exception: a handler that notes whatever goes wrong with an item and goes on must not note this and go on.
    """


class LeaseLost(FeiraError):
    """Another worker holds this job by now, or it was cancelled: whatever this one still does must not count."""

    code = "job_lease_lost"
    http_status = 409

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"Job {job_id} is no longer ours: its lease ran out and was taken, or the job was cancelled. "
            "Nothing of this attempt was kept.",
            job_id=job_id,
        )


class CannotCancel(FeiraError):
    """The job has ended before."""

    code = "job_cannot_be_cancelled"
    http_status = 409

    def __init__(self, job_id: int) -> None:
        super().__init__(f"Job {job_id} has ended before. There is nothing to cancel.", job_id=job_id)


class CannotRetry(FeiraError):
    """A job can only be opened again when it failed or was cancelled, and nothing has taken its place."""

    code = "job_cannot_be_retried"
    http_status = 409


class ItemNotOpen(FeiraError):
    """An item was to be finished or failed that was never planned, or that is done already."""

    code = "job_item_not_open"
    http_status = 409

    def __init__(self, job_id: int, names: list[str]) -> None:
        shown = ", ".join(repr(name) for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        super().__init__(
            f"Job {job_id} has no open item named {shown}. Plan items first, and finish each once.",
            job_id=job_id,
            names=names[:100],
        )


class ItemsMissing(FeiraError):
    """Some items of a job are not done, so neither is the job; another attempt does them."""

    code = "job_items_missing"
