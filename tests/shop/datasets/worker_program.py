"""What the processes of `test_kill.py` do: fill a shop and ask for a data set, or work on it until nothing is left."""

import json
import sys
from decimal import Decimal

import django

django.setup()

from feira.core.testing.photos import photo_bytes  # noqa: E402 - Django is set up first
from feira.shop.accounts.models import Seller  # noqa: E402
from feira.shop.datasets import rendering, selectors, services  # noqa: E402
from feira.shop.datasets.asked import asked_from_json  # noqa: E402
from feira.shop.datasets.models import DatasetRequest  # noqa: E402
from feira.shop.jobs import services as jobs  # noqa: E402
from feira.shop.jobs.models import Job  # noqa: E402
from feira.shop.listings.services import (  # noqa: E402
    ListingFacts,
    category_at,
    create_listing,
    publish_listing,
)
from feira.shop.photos.services import take_photo  # noqa: E402

PHOTOS = 12
ASKED = {"augmentation": {"variants": 3, "operations": [{"operation": "crop"}, {"operation": "noise"}]}}
QUEUES = ("default", "imagery")


def fill() -> None:
    """Migrate, offer photos, and ask for a data set of them."""
    from django.core.management import call_command  # noqa: PLC0415 - here only

    call_command("migrate", verbosity=0)
    seller = Seller.objects.create(name="Shop", slug="shop")
    for number in range(PHOTOS):
        content = photo_bytes((90, 60, 200), (400, 300), pattern="noise", seed=number)
        facts = ListingFacts(title=f"Hat {number}", category=category_at(("Hats",)), price=Decimal(5), currency="EUR")
        photo = take_photo(content=content, owner=None)
        publish_listing(listing=create_listing(seller=seller, facts=facts, photos_in_order=[photo]))
    Job.objects.all().delete()
    services.ask_for_dataset(asked_from_json(ASKED), by=None)


def work() -> None:
    """Take back what a killed worker held, and run what is due."""
    jobs.reconcile()
    jobs.run_until_idle(queues=QUEUES)
    show()


def again() -> None:
    """Delete the files, ask once more, and do all of it in one go."""
    request = DatasetRequest.objects.get()
    services.prune_snapshot(request)
    services.ask_for_dataset(asked_from_json(ASKED), by=None)
    work()


def show() -> None:
    """Print the state, the manifest and the parts of the snapshot's pictures."""
    request = selectors.datasets().last()
    assert request is not None
    snapshot = request.snapshot
    assert snapshot is not None
    items = snapshot.render_job.items.order_by("name") if snapshot.render_job else ()
    print(  # noqa: T201 - the answer
        json.dumps(
            {
                "state": snapshot.state,
                "manifest": snapshot.manifest_sha256,
                "attempts": snapshot.render_job.attempts if snapshot.render_job else 0,
                "items": [[item.name, item.state, item.attempts] for item in items],
            }
        )
    )


if __name__ == "__main__":
    rendering.PART_PHOTOS = 2
    {"fill": fill, "work": work, "again": again}[sys.argv[1]]()
