"""Where an encoder's prior bridge lies: beside its other files, as `bridge.npz`."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from feira.core.learning.bridge import unpack_prior
from feira.core.learning.packing import PackCorrupt
from feira.core.learning.ridge import PairSums

PRIOR_NAME: Final = "bridge.npz"
_BUILTIN: Final = "builtin"


def read_prior(name: str, *, models_dir: Path) -> bytes | None:
    """Return the packed sums that came with an encoder; None when none did.

    Args:
        name: of the encoder, `builtin` or the name of a folder in `models_dir`.
    """
    folder = Path(str(files("feira.core"))) / "encoders" / _BUILTIN if name == _BUILTIN else models_dir / name
    path = folder / PRIOR_NAME
    return path.read_bytes() if Path(name).name == name and path.is_file() else None


def prior_between(content: bytes | None, *, encoder_id: str, text_id: str) -> PairSums | None:
    """Return the sums, if they are whole and lead between these two encoders; None otherwise."""
    if content is None:
        return None
    try:
        sums, *found = unpack_prior(content)
    except PackCorrupt:
        return None
    return sums if found == [encoder_id, text_id] else None
