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
