"""Jobs about learned parts."""

from django.utils.translation import gettext_lazy as _

from feira.shop.jobs import services as jobs
from feira.shop.jobs.periodic import periodic
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.jobs.selectors import unfinished_of_kind
from feira.shop.learning.projections import encoder_to_shorten, fit_projection_of


@job(
    "learning.fit_projection",
    queue="inference",
    title=_("Shorten embeddings"),
    describes=_("Learns how an encoder's long embeddings are made shorter for the index."),
)
def fit_projection(_job: RunningJob, *, encoder_id: str) -> dict[str, object]:
    """Fit the projection that makes an encoder's embeddings shorter for the index."""
    fitted = fit_projection_of(encoder_id)
    return {"version": fitted.version, "state": fitted.state, **fitted.report}


@periodic(every_s=300)
def shorten_long_embeddings() -> None:
    """Ask for a projection where an encoder has long embeddings of enough photos and none was fitted."""
    if not unfinished_of_kind("learning.fit_projection") and (encoder_id := encoder_to_shorten()):
        jobs.submit("learning.fit_projection", {"encoder_id": encoder_id})
