"""What this installation measured of its encoders, kept beside the models and never in their signed files.

The file `measured.json` lies in the data folder: a models folder may be shared, or read-only. Figures belong to an
`encoder_id`, so that new weights under an old name start without any.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from feira.core.errors import Misconfigured

MEASURED_NAME: Final = "measured.json"
MOST_PER_ENCODER: Final = 20


def read_measured(data_dir: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the measurements of each encoder, oldest first.

    Raises:
        Misconfigured: the file is damaged.
    """
    path = data_dir / MEASURED_NAME
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(kept, dict) and all(isinstance(entries, list) for entries in kept.values()):
            return kept
        raise ValueError("it holds no lists by encoder")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} cannot be read ({error}). It holds measurements only: remove it.") from error


def keep_measured(data_dir: Path, encoder_id: str, entry: dict[str, Any]) -> None:
    """Add a measurement; of each encoder the last twenty are kept."""
    kept = read_measured(data_dir)
    kept[encoder_id] = [*kept.get(encoder_id, []), entry][-MOST_PER_ENCODER:]
    data_dir.mkdir(parents=True, exist_ok=True)
    beside = data_dir / f".{MEASURED_NAME}.{os.getpid()}"
    beside.write_text(json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    beside.replace(data_dir / MEASURED_NAME)
