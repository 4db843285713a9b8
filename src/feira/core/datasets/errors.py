"""What can go wrong while a data set is written."""

from feira.core.errors import FeiraError


class InvalidRecord(FeiraError):
    """A record says what no data set can hold: a key with a slash, a price without a currency, a date without zone."""

    code = "invalid_record"
    http_status = 422


class InvalidSplit(FeiraError):
    """A split that no data set can have: one side only, shares below zero, boundaries that do not fit."""

    code = "invalid_split"
    http_status = 422


class DatasetEmpty(FeiraError):
    """Not one record came."""

    code = "dataset_empty"
    http_status = 422


class LabelMissing(FeiraError):
    """The format names its folders by label, and a record has none."""

    code = "label_missing"
    http_status = 422


class FileGone(FeiraError):
    """The bytes of a file are not there, or are not those that were promised; `facts` names its path."""

    code = "file_gone"
    http_status = 409


class PhotoGone(FileGone):
    """A photo went away or was changed while the data set was made; `facts` names its path."""

    code = "photo_gone"
    http_status = 409


class FormatUnavailable(FeiraError):
    """The format needs a package that is not installed here."""

    code = "format_unavailable"
    http_status = 406
