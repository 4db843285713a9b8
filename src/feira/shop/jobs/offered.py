"""The services that people may start: what each does, its options, and the job that it submits.

An app offers its own in a module `offers`, which every process reads at its start. Pages, API and command line know
this registry alone, so that a service is added in one place.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db import models, transaction
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from feira.core.errors import FeiraError
from feira.shop.jobs.models import UNFINISHED, Job

Text = str | Promise
RUN = "jobs.add_job"
# The key of complaints that are about no option in particular, as Django's forms have it.
EVERYTHING = "__all__"


class Group(models.TextChoices):
    """What services are about; the order is that of the page."""

    CATALOGUE = "catalogue", _("Catalogue")
    SEARCH = "search", _("Pictures and search")
    LEARNING = "learning", _("Learning")
    DATA = "data", _("Data")
    UPKEEP = "upkeep", _("Tidying up")


class NoOptions(forms.Form):
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class Link:
    """Something that a job has made, and where to look at it."""

    label: Text
    url: str


class Submit(Protocol):
    """Asks for the job, with what the form made of the options, in the caller's transaction."""

    def __call__(self, options: dict[str, Any], /, *, requested_by: int | None) -> Job:
        """Return the job; one that is under way already where the service says there is one at a time."""


def _nothing(_job: Job) -> Iterable[Link]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One thing that people may start.

    Attributes:
        name: in addresses and on the command line, as in `verify-index`; unique.
        kind: of the job that it submits; what a card tells about the last run is about this kind.
        describes: one or two sentences: what it does and when one wants that.
        permission: who may start it, besides being staff.
        options: a form. Its `initial` values hold for what is left out.
        produced: where a finished job's results can be looked at.
        page: name of an address where it is asked for instead of here; then `options` and `submit` are not used.
    """

    name: str
    kind: str
    group: Group
    title: Text
    describes: Text
    submit: Submit | None = None
    options: type[forms.Form] = NoOptions
    permission: str = RUN
    produced: Callable[[Job], Iterable[Link]] = field(default=_nothing)
    icon: str = "play"
    page: str = ""


class UnknownService(FeiraError):
    """No installed app offers this service."""

    code = "unknown_service"
    http_status = 404


class BadOptions(FeiraError):
    """The options of a service are wrong; `errors` has the complaints by option."""

    code = "bad_service_options"

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        said = (f"{name}: {' '.join(some)}" if name != EVERYTHING else " ".join(some) for name, some in errors.items())
        super().__init__("; ".join(said), errors=dict(errors))

    @classmethod
    def of(cls, form: forms.Form) -> "BadOptions":
        """Tell what is wrong with a form."""
        return cls({name: [str(each) for each in complaints] for name, complaints in form.errors.items()})


@dataclass(frozen=True, slots=True)
class Started:
    """The job of a service; `is_new` is false when it was under way already."""

    job: Job
    is_new: bool


_services: dict[str, Service] = {}


def offer(service: Service) -> Service:
    """Let people start a service.

    Raises:
        ValueError: the name is taken by a service for another kind, or nothing submits its job.
    """
    known = _services.get(service.name)
    if known is not None and known.kind != service.kind:
        raise ValueError(f"The service {service.name!r} is offered for {known.kind!r} already. Choose another name.")
    if service.submit is None and not service.page:
        raise ValueError(f"The service {service.name!r} needs `submit`, or a `page` where it is asked for.")
    _services[service.name] = service
    return service


def offered() -> list[Service]:
    """Return every service, by group and in the order in which the apps offer them."""
    order = list(Group)
    return sorted(_services.values(), key=lambda service: order.index(service.group))


def get_service(name: str) -> Service:
    """Return a service by name.

    Raises:
        UnknownService: nobody offers it.
    """
    try:
        return _services[name]
    except KeyError:
        known = ", ".join(service.name for service in offered())
        raise UnknownService(f"There is no service {name!r}. There are: {known}.") from None


def services_of_kind(kind: str) -> list[Service]:
    """Return the services whose job is of this kind."""
    return [service for service in offered() if service.kind == kind]


def links_of(job: Job) -> list[Link]:
    """Return where the results of a job can be looked at: what its service says, and an address in the result."""
    links = [link for service in services_of_kind(job.kind) for link in service.produced(job)]
    url = job.result.get("url") if isinstance(job.result, dict) else None
    # Only our own pages: a result is data, and a link in it may not lead anywhere else.
    if isinstance(url, str) and url.startswith("/") and not url.startswith("//"):
        links.append(Link(_("Open the result"), url))
    return links


def form_of(
    service: Service, given: Mapping[str, Any] | None = None, files: Mapping[str, UploadedFile[Any]] | None = None
) -> forms.Form:
    """Return the form of a service: empty, or filled with options where those left out have their initial values."""
    if given is None and files is None:
        return service.options()
    fields = service.options.base_fields
    initial = {name: field.initial for name, field in fields.items() if field.initial is not None}
    sent = MultiValueDict({name: [file] for name, file in (files or {}).items()})
    form = service.options({**initial, **(given or {})}, sent)
    for name in sorted(set(given or {}) | set(files or {})):
        if name not in fields:
            known = ", ".join(fields) or "none"
            form.add_error(None, f"There is no option {name!r}. There are: {known}.")
    return form


def start(service: Service, form: forms.Form, *, requested_by: int | None) -> Started:
    """Submit the job of a service, in a transaction.

    Raises:
        BadOptions: the form is not valid; nothing was asked for.
    """
    if not form.is_valid():
        raise BadOptions.of(form)
    if service.submit is None:
        raise UnknownService(f"{service.name} is asked for on a page of its own.")
    with transaction.atomic():
        under_way = set(Job.objects.filter(kind=service.kind, state__in=UNFINISHED).values_list("pk", flat=True))
        job = service.submit(form.cleaned_data, requested_by=requested_by)
    return Started(job, is_new=job.pk not in under_way)


@contextmanager
def restored() -> Iterator[None]:
    """Forget on leaving whatever was offered inside; for tests that bring their own services."""
    known = dict(_services)
    try:
        yield
    finally:
        _services.clear()
        _services.update(known)
