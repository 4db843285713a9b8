"""Deliberate refusals around data sets."""

from collections.abc import Mapping

from feira.core.errors import FeiraError


class BadRequestError(FeiraError):
    """Something about a request cannot be done; `errors` says by field what to change."""

    code = "dataset_request_invalid"
    http_status = 422

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()), errors={field: [text] for field, text in errors.items()})
        self.errors = dict(errors)


class SelectionEmpty(FeiraError):
    """Nothing passes the filters; the message says which of them to change."""

    code = "dataset_selection_empty"
    http_status = 422


class SelectionTooLarge(FeiraError):
    """More photos or bytes than this shop lets go at once; the message says what would make it smaller."""

    code = "dataset_selection_too_large"
    http_status = 422


class NotReady(FeiraError):
    """The files of a data set are asked for and are not there, or not there any more."""

    code = "dataset_not_ready"
    http_status = 409


class LinkForged(FeiraError):
    """The link was not made by this shop, was changed, or is not for who opens it."""

    code = "dataset_link_refused"
    http_status = 403


class LinkExpired(FeiraError):
    """The link was good once."""

    code = "dataset_link_expired"
    http_status = 410


class PreviewTooHeavy(FeiraError):
    """A recipe would take, or took, more than a preview may; the data set itself may still be asked for."""

    code = "preview_too_heavy"
    http_status = 422


class PreviewBusy(FeiraError):
    """As many previews are being made as this process makes at once."""

    code = "preview_busy"
    http_status = 503
