"""Where an encoder's prior bridge lies: beside its other files, as `bridge.npz`."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from feira.core.learning.bridge import unpack_prior
from feira.core.learning.packing import PackCorrupt
from feira.core.learning.ridge import PairSums

PRIOR_NAME: Final = "bridge.npz"
_BUILTIN: Final = "builtin"


def files_of(name: str, *, models_dir: Path) -> Path:
    """Return the folder of an encoder's files, which need not exist: of `builtin`, or of this name in `models_dir`."""
    if name == _BUILTIN:
        return Path(str(files("feira.core"))) / "encoders" / _BUILTIN
    return models_dir / Path(name).name


def read_prior(name: str, *, models_dir: Path) -> bytes | None:
    """Return the packed sums that came with an encoder; None when none did."""
    path = files_of(name, models_dir=models_dir) / PRIOR_NAME
    return path.read_bytes() if path.is_file() else None


def prior_between(content: bytes | None, *, encoder_id: str, text_id: str) -> PairSums | None:
    """Return the sums, if they are whole and lead between these two encoders; None otherwise."""
    if content is None:
        return None
    try:
        sums, *found = unpack_prior(content)
    except PackCorrupt:
        return None
    return sums if found == [encoder_id, text_id] else None
