"""An import, seen from inside the shop."""

from pathlib import Path

from django.db.models import Q

from feira.shop.feed.models import NeighbourList
from feira.shop.jobs.models import UNFINISHED, Job
from feira.shop.listings.imports import import_progress, start_import
from feira.shop.listings.models import ImportRun
from feira.shop.listings.records import read_records
from feira.shop.listings.samples import with_sample_facts
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Embedding, IndexLogHead, Photo


def ready() -> bool:
    """Answer once everything is loaded."""
    return engine().status().ready


def start(source: str) -> None:
    """Write down the rows of a photo folder and submit their jobs."""
    records = with_sample_facts(read_records(Path(source)))
    start_import(source=source, records=records, seller_name="Benchmark")


def how_far() -> dict[str, int | bool]:
    """Return what there is; `done` when every photo is embedded, searchable, and every listing has its neighbours."""
    if Job.objects.filter(state__in=UNFINISHED).exists():
        # One cheap question while there is work: the benchmark must not slow down what it measures.
        return {"done": False}
    progress, status = import_progress(ImportRun.objects.get()), engine().status()
    photos, embeddings, lists = Photo.objects.count(), Embedding.objects.count(), NeighbourList.objects.count()
    head = IndexLogHead.objects.values_list("seq", flat=True).first() or 0
    return {
        "done": progress.done == progress.total == photos == embeddings == status.photos == lists
        and status.seq == head,
        "rows": progress.total,
        "photos": photos,
        "embeddings": embeddings,
        "indexed": status.photos,
        "neighbour_lists": lists,
        "jobs": Job.objects.count(),
        "failed_jobs": Job.objects.filter(Q(state="failed")).count(),
    }
