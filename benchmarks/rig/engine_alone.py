"""An engine by itself, with whatever terms a benchmark wants: `python -m rig.engine_alone '{"encoder": …}'`."""

import json
import sys
from pathlib import Path
from typing import Any

from feira.engine.config import EngineConfig
from feira.engine.server import serve


def main() -> None:
    """Serve until SIGTERM; the argument holds the port and the fields of `EngineConfig` as JSON."""
    terms: dict[str, Any] = json.loads(sys.argv[1])
    port = terms.pop("port")
    terms |= {name: Path(terms[name]) for name in ("models_dir", "snapshots_dir")}
    serve(EngineConfig(**terms), host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
