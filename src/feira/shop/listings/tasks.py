"""Jobs about listings."""

from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.listings import imports
from feira.shop.listings.statistics import refresh_statistics


@job("listings.import_rows", queue="imagery", max_attempts=10)
def import_rows(job: RunningJob, *, row_ids: list[int]) -> dict[str, int]:
    """Turn rows of an import into live listings, all of them and the job's end in one transaction."""
    read = imports.read_rows(row_ids)
    with job.committing():
        imports.keep_rows(read)
    return {"rows": len(read)}


@periodic(every_s=30)
def keep_statistics_true() -> None:
    """Let the database's planner know how large the catalogue has become."""
    refresh_statistics()
