"""Empty jobs through the ledger, as a web process submits them."""

from django.db import transaction

from feira.shop.jobs import services
from rig.echo import Trips, make_trips


def trips(alone: int, burst: int) -> Trips:
    """Submit empty jobs one by one, then many, each in a transaction of its own."""
    return make_trips(_submit, alone=alone, burst=burst)


def _submit(number: int, port: int) -> None:
    with transaction.atomic():
        services.submit("work.nothing", {"number": number, "port": port})
