"""Arrays with their facts as bytes: what a learned part is kept as. A compressed .npz, never a pickle."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feira.core.errors import FeiraError

_FACTS = "facts"


class PackCorrupt(FeiraError):
    """The bytes are not what they are taken for: damaged, or made by another part or another version."""

    code = "learned_part_corrupt"
    http_status = 500


def pack(kind: str, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return bytes that `unpack` reads; the same input gives the same bytes.

    Args:
        kind: what this is and in which format, as in `bridge 1`.
        facts: JSON values.
    """
    head = np.frombuffer(json.dumps({"kind": kind, **facts}, sort_keys=True).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **{_FACTS: head, **arrays})
    return stream.getvalue()


def unpack(content: bytes, kind: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the facts and arrays of `pack`.

    Raises:
        PackCorrupt: the bytes are damaged or of another kind.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays.pop(_FACTS).tobytes())
        found = facts.pop("kind")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise PackCorrupt(f"These bytes are no {kind} ({error}); fit it again.") from error
    if found != kind:
        raise PackCorrupt(f"These bytes are a {found}, not a {kind}; fit it again.")
    return facts, arrays
