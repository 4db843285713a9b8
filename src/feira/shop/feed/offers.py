"""Services about the index and what looks alike."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.offered import Group, Service, offer


class RebuildOptions(forms.Form):
    """What is built again besides the index."""

    neighbours = forms.BooleanField(
        label=_("Find what looks alike anew as well, listing by listing"), required=False, initial=True
    )


def rebuild(options: dict[str, Any], *, requested_by: int | None) -> Job:
    """Ask for the index, and for the neighbours once that is there."""
    index = jobs.submit("photos.rebuild_index", {}, key="all", requested_by=requested_by)
    if options["neighbours"]:
        jobs.submit(
            "feed.rebuild_all_neighbours", {}, key="all", requested_by=requested_by, parent=index, after=[index]
        )
    return index


offer(
    Service(
        name="rebuild-index",
        kind="photos.rebuild_index",
        group=Group.SEARCH,
        title=_("Rebuild the index and neighbours"),
        describes=_("Builds the search index from its log again, then what looks alike. The old ones serve meanwhile."),
        options=RebuildOptions,
        submit=rebuild,
    )
)
