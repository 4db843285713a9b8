"""What recurs about jobs themselves."""

import structlog

from feira.shop.jobs import delivery, services, tallies
from feira.shop.jobs.periodic import periodic

logger = structlog.get_logger(__name__)


@periodic(every_s=2, is_vital=True)
def reconcile() -> None:
    """Take back what was lost and hand out what lies around."""
    done = services.reconcile()
    if done.taken_back or done.failed:
        logger.info("jobs_reconciled", taken_back=done.taken_back, failed=done.failed, published=done.published)


@periodic(every_s=15)
def count_finished() -> None:
    """Add the jobs that have finished to the figures."""
    tallies.count_finished()


@periodic(every_s=86_400)
def forget_old_work() -> None:
    """Keep the ledger at the size of a month."""
    services.forget_old_work()


@periodic(every_s=3600)
def sweep_broker() -> None:
    """Drop reply queues that nobody reads any more."""
    delivery.sweep_broker()
