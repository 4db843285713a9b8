"""Changing the encoder of a running shop: begin, hold on, switch in one step, go back, let go.

The rows of `ServedEncoder` say how far it is; engines follow them. Why it is done like this: docs/adr/0013.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from feira.core.errors import EngineUnavailable, Refused
from feira.engine.client import EngineClient
from feira.shop.jobs import services as jobs
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Photo, ServedEncoder
from feira.shop.photos.roster import Roster, State, locked_roster, roster


@transaction.atomic
def settle(name: str, encoder_id: str) -> ServedEncoder:
    """Write down what the shop is served by: the first time, and when the live encoder's weights are others by now.

    The second happens when an upgrade brings another built-in encoder, or a folder got other weights: the old ones are
    gone, so that there is nothing to go back to, and the photos are seen anew while the shop is open. What the old ones
    saw is kept, in case they come back.
    """
    now = locked_roster()
    live = now.live
    if live is not None and (live.name, live.encoder_id) == (name, encoder_id):
        return live
    for row in (live, now.candidate, now.previous):
        if row is not None and (row is live or row.encoder_id == encoder_id):
            _retire(row, f"{name} is {encoder_id} now.", forget=False)
    settled = ServedEncoder.objects.create(
        name=name, encoder_id=encoder_id, state=State.LIVE, switched_at=timezone.now()
    )
    if live is not None:
        jobs.announce("photos.encoder_switched", {"encoder_id": encoder_id})
    return settled


@transaction.atomic
def begin(name: str, encoder_id: str, *, asks: bool = False) -> ServedEncoder:
    """Let an encoder see the whole catalogue beside the live one, to take over when it has.

    Args:
        asks: wait for `switch` instead of taking over at once.

    Raises:
        Refused: it is live or was just now, another one is on its way, or the shop has no live encoder yet.
    """
    now = locked_roster()
    if now.live is None:
        raise Refused("This shop has not written down its encoder yet. Run `feira migrate` first.")
    if now.live.encoder_id == encoder_id:
        raise Refused(f"{name} is live already.")
    if now.candidate is not None:
        raise Refused(f"{now.candidate.name} is on its way. Call it off first: `feira model swap cancel`.")
    if now.previous is not None and now.previous.encoder_id == encoder_id:
        raise Refused(
            f"{name} was live before and has seen every photo: `feira model roll-back` changes to it at once."
        )
    row = ServedEncoder.objects.create(
        name=name,
        encoder_id=encoder_id,
        state=State.BACKFILLING,
        asks=asks,
        total=Photo.objects.filter(searchable=True).count(),
    )
    ask_for_backfill(row)
    return row


def ask_for_backfill(row: ServedEncoder) -> None:
    """Submit the job that shows the catalogue to a candidate, unless it is under way."""
    jobs.submit("photos.backfill", {"served_encoder_id": row.pk}, key=f"encoder-{row.pk}")


@transaction.atomic
def pause() -> ServedEncoder:
    """Stop showing photos to the candidate after the present batch; new photos are still shown to it.

    Raises:
        Refused: none is being shown photos.
    """
    row = _candidate_in(State.BACKFILLING, "No encoder is being shown the photos")
    return _moved(row, State.PAUSED)


@transaction.atomic
def resume() -> ServedEncoder:
    """Go on where `pause` stopped.

    Raises:
        Refused: nothing is paused.
    """
    row = _moved(_candidate_in(State.PAUSED, "Nothing is paused"), State.BACKFILLING)
    ask_for_backfill(row)
    return row


@transaction.atomic
def cancel() -> ServedEncoder:
    """Call the candidate off and delete what it has seen; the live encoder goes on.

    Raises:
        Refused: none is on its way.
    """
    row = locked_roster().candidate
    if row is None:
        raise Refused("No encoder is on its way.")
    _retire(row, "Called off.")
    return row


@transaction.atomic
def mark_ready(row: ServedEncoder, *, report: dict[str, Any], note: str) -> bool:
    """Note that a candidate has seen everything; False when it was called off or paused meanwhile."""
    found = locked_roster().candidate
    if found is None or found.pk != row.pk or found.state != State.BACKFILLING:
        return False
    found.state, found.report, found.note, found.ready_at = State.READY, report, note, timezone.now()
    found.save(update_fields=["state", "report", "note", "ready_at"])
    return True


def switch(engines: EngineClient | None = None) -> ServedEncoder:
    """Let the candidate answer from now on; the encoder that was live is kept for the way back.

    Args:
        engines: that have to hold its index; those of the settings when None.

    Raises:
        Refused: no candidate is ready.
        EngineUnavailable: an engine does not hold its index yet; nothing has changed.
    """
    row = _candidate_in(State.READY, "No encoder is ready to take over", lock=False)
    _check_held(row, engines or engine())
    with transaction.atomic():
        now = locked_roster()
        if now.candidate is None or now.candidate.pk != row.pk or now.candidate.state != State.READY:
            raise Refused(f"{row.name} was called off meanwhile.")
        if now.previous is not None:
            _retire(now.previous, f"{now.candidate.name} came after its successor.")
        return _exchange(now, now.candidate)


def roll_back(engines: EngineClient | None = None) -> ServedEncoder:
    """Let the encoder before the live one answer again, at once; called again it goes forward.

    Args:
        engines: as for `switch`.

    Raises:
        Refused: there is none.
        EngineUnavailable: an engine does not hold its index; nothing has changed.
    """
    row = _previous_of(lock=False)
    _check_held(row, engines or engine())
    with transaction.atomic():
        now = locked_roster()
        if now.previous is None or now.previous.pk != row.pk:
            raise Refused(f"{row.name} was let go meanwhile.")
        return _exchange(now, now.previous)


@transaction.atomic
def drop_previous() -> ServedEncoder:
    """Let go of the encoder before the live one and delete what it has seen; there is no way back then.

    Raises:
        Refused: there is none.
    """
    row = _previous_of(lock=True)
    _retire(row, "Let go.")
    return row


def _exchange(now: Roster, coming: ServedEncoder) -> ServedEncoder:
    """Make one encoder live and the live one previous, in an order in which no two are live."""
    assert now.live is not None  # noqa: S101 - nothing can be on its way or behind without one
    _moved(coming, State.READY)
    _moved(now.live, State.PREVIOUS)
    coming.switched_at = timezone.now()
    coming.save(update_fields=["switched_at"])
    jobs.announce("photos.encoder_switched", {"encoder_id": coming.encoder_id})
    return _moved(coming, State.LIVE)


def _check_held(row: ServedEncoder, engines: EngineClient) -> None:
    for status in engines.statuses():
        held = next((one for one in status.encoders if one.encoder_id == row.encoder_id), None)
        if held is None or not held.ready:
            reason = status.refused.get(row.name, "It is loading or following the index log; try again soon.")
            raise EngineUnavailable(f"An engine does not hold the index of {row.name} yet. {reason}")


def _candidate_in(state: str, otherwise: str, *, lock: bool = True) -> ServedEncoder:
    row = (locked_roster() if lock else roster()).candidate
    if row is None or row.state != state:
        told = f"; {row.name} is {row.get_state_display()}" if row else ""
        raise Refused(f"{otherwise}{told}. `feira model swap status` shows how far it is.")
    return row


def _previous_of(*, lock: bool) -> ServedEncoder:
    row = (locked_roster() if lock else roster()).previous
    if row is None:
        raise Refused("There is no encoder to go back to.")
    return row


def _moved(row: ServedEncoder, state: str) -> ServedEncoder:
    row.state = state
    row.save(update_fields=["state"])
    return row


def _retire(row: ServedEncoder, note: str, *, forget: bool = True) -> None:
    row.note = note
    row.save(update_fields=["note"])
    _moved(row, State.RETIRED)
    if forget:
        jobs.submit("photos.forget_embeddings", {"encoder_id": row.encoder_id}, key=row.encoder_id)
