"""Python inside a shop: runs functions by name for the benchmark that started it, one line of JSON each way."""

import importlib
import json
import os
import sys

from feira.cli.shop import start_django


def main() -> None:
    """Answer until the benchmark hangs up; an error ends the process, with its story on stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed by the code under test cannot spoil an answer
    start_django()
    for line in sys.stdin:
        asked = json.loads(line)
        module, _, name = asked["call"].partition(":")
        answer = getattr(importlib.import_module(module), name)(**asked["facts"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
