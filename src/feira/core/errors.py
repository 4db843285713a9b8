"""The root of every deliberate error in Feira.

FeiraError
├── InvalidImage          the bytes are not a photo we can take
├── DimensionMismatch     a vector and an index (or two encoders) do not belong together
├── ManifestError         a model folder is incomplete, altered or says nonsense
├── EncoderError          a model answered with something that is no embedding
├── SnapshotCorrupt       a stored index does not match its checksums
├── SourceError           an import source cannot be read
├── EngineUnavailable     the engine process did not answer in time
│   └── EncoderChanged    it no longer serves, or does not yet serve, the encoder that was named
├── NoTextSide            an encoder cannot turn words into vectors that meet pictures
├── SandboxUnavailableError  the process that reads uploads does not start
├── InvalidField          a recipe of augmentations or an image rule holds something that is not allowed
│   ├── InvalidRecipe     with the place and name of the operation
│   └── InvalidRule       of how exported photos are sized and encoded
├── Refused               a person may not do that, or not in this state
└── Misconfigured         a setting is missing or wrong

An error carries a stable `code` for machines, a `message` that says what happened and what to do next, and its facts
as attributes. One handler turns it into a problem document, another into an exit code.
"""

from typing import Any, ClassVar


class FeiraError(Exception):
    """A deliberate refusal: its message may be shown to the person who caused it."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 400

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def __str__(self) -> str:
        return self.message


class InvalidImage(FeiraError):
    """The bytes are not a photo we can take; `reason` is a stable word such as `too_large_bytes` or `truncated`."""

    code = "invalid_image"
    http_status = 422

    def __init__(self, message: str, *, reason: str, **facts: Any) -> None:
        super().__init__(message, reason=reason, **facts)
        self.reason = reason


class DimensionMismatch(FeiraError):
    """A vector of one length met an index or encoder of another."""

    code = "dimension_mismatch"

    def __init__(self, *, expected: int, got: int) -> None:
        super().__init__(
            f"The query has {got} dimensions, the index holds {expected}. "
            "Encode the query with the encoder named in the index manifest.",
            expected=expected,
            got=got,
        )


class ManifestError(FeiraError):
    """A model folder is incomplete, altered or describes something we cannot run."""

    code = "manifest_error"


class EncoderError(FeiraError):
    """A model answered with something that is not an embedding (wrong shape, zeros, not a number)."""

    code = "encoder_error"
    http_status = 500


class SnapshotCorrupt(FeiraError):
    """A stored index does not match its checksums; delete it and let the engine rebuild."""

    code = "snapshot_corrupt"
    http_status = 500


class SourceError(FeiraError):
    """An import source cannot be read at all (single bad rows are reported, not raised)."""

    code = "source_error"


class EngineUnavailable(FeiraError):
    """The engine process did not answer in time; the shop goes on without it."""

    code = "engine_unavailable"
    http_status = 503


class EncoderChanged(EngineUnavailable):
    """The engine serves other encoders than the one that was named; ask for the live one and encode again."""

    code = "encoder_changed"
    http_status = 409


class NoTextSide(FeiraError):
    """This encoder cannot turn words into vectors that meet pictures, and nothing was learned that could."""

    code = "no_text_side"
    http_status = 422


class Refused(FeiraError):
    """This person may not do that, or not in this state."""

    code = "refused"
    http_status = 403


class Misconfigured(FeiraError):
    """A setting is missing or wrong; the message names it."""

    code = "misconfigured"
    http_status = 500
