"""Addresses from which a data set may be fetched for a while: signed, bound to who made them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.datasets.access import may_use_datasets
from feira.shop.datasets.errors import LinkExpired, LinkForged, NotReady
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.photos.selectors import Visitor

ARCHIVES = ("zip", "tar")
_signer = Signer(salt="feira.datasets.download")


@dataclass(frozen=True, slots=True)
class Link:
    """A whole address, good until `expires_at`."""

    url: str
    expires_at: datetime


def download_link(request: DatasetRequest, *, by: Account, archive: str = "zip") -> Link:
    """Return an address from which the data set is streamed as one archive, to whoever has the address.

    It is good as long as it has not expired and `by` still belongs to the ML team; a program needs no token for it.

    Raises:
        NotReady: the data set has no files.
    """
    if request.snapshot is None or request.snapshot.state != Snapshot.State.READY:
        raise NotReady(_("This data set has no files. Wait until it is ready, or ask for it again."))
    until = timezone.now().replace(microsecond=0) + timedelta(minutes=load_settings().dataset_link_minutes)
    expires = int(until.timestamp())
    signature = _signer.signature(_claim(request.pk, by.pk, archive, expires))
    named = urlencode({"archive": archive, "by": by.pk, "expires": expires, "signature": signature})
    path = reverse("api:dataset_download", args=[request.pk])
    return Link(f"{load_settings().public_url.rstrip('/')}{path}?{named}", until)


def check_link(visitor: Visitor, *, dataset_id: int, archive: str, by: int, expires: int, signature: str) -> None:
    """Let a link through that was made here, is still good, and was made by somebody of the ML team.

    Raises:
        LinkForged: it was not, or whoever is signed in does not belong to the team.
        LinkExpired: it was good once.
    """
    try:
        _signer.unsign(f"{_claim(dataset_id, by, archive, expires)}:{signature}")
    except BadSignature as error:
        raise LinkForged(_("This link was not made here, or was changed. Ask for a new one.")) from error
    if timezone.now().timestamp() >= expires:
        raise LinkExpired(_("This link has expired. Ask for a new one."))
    maker = Account.objects.filter(pk=by).first()
    if maker is None or not may_use_datasets(maker) or (visitor.is_authenticated and not may_use_datasets(visitor)):
        raise LinkForged(_("This link is for the ML team."))


def _claim(dataset_id: int, by: int, archive: str, expires: int) -> str:
    return f"{dataset_id}/{by}/{archive}/{expires}"
