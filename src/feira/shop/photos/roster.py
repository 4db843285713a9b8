"""Which encoders this shop is served by and which is on its way: questions, and the lock of whoever changes that."""

from dataclasses import dataclass

from feira.shop.photos.models import ServedEncoder

State = ServedEncoder.State
ON_THEIR_WAY = (State.BACKFILLING, State.PAUSED, State.READY)


@dataclass(frozen=True, slots=True)
class Roster:
    """The encoders that are not retired. `live` is None only while the shop has never chosen."""

    live: ServedEncoder | None
    candidate: ServedEncoder | None
    previous: ServedEncoder | None

    def beside_live(self) -> list[str]:
        """Return the ids of the encoders that see new photos as well as the live one does."""
        return [one.encoder_id for one in (self.candidate, self.previous) if one is not None]


def roster() -> Roster:
    """Return who serves, who comes and who was; one query."""
    return _sorted(list(ServedEncoder.objects.exclude(state=State.RETIRED).order_by("pk")))


def locked_roster() -> Roster:
    """Return the roster, locked until the transaction ends: two people cannot change it at a time."""
    return _sorted(list(ServedEncoder.objects.select_for_update().exclude(state=State.RETIRED).order_by("pk")))


def is_wanted(encoder_id: str) -> bool:
    """Tell whether any encoder that is not retired has this id."""
    return ServedEncoder.objects.exclude(state=State.RETIRED).filter(encoder_id=encoder_id).exists()


def past_encoders(most: int = 10) -> list[ServedEncoder]:
    """Return the encoders that were let go, the last first."""
    return list(ServedEncoder.objects.filter(state=State.RETIRED).order_by("-pk")[:most])


def _sorted(rows: list[ServedEncoder]) -> Roster:
    by_state = {row.state: row for row in rows}
    candidate = next((by_state[state] for state in ON_THEIR_WAY if state in by_state), None)
    return Roster(live=by_state.get(State.LIVE), candidate=candidate, previous=by_state.get(State.PREVIOUS))
