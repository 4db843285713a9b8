"""How a command ends: 0 done, 1 refused, 2 misused, 130 interrupted; a sentence for people, never a stack trace."""

import os
import sys
from collections.abc import Callable
from typing import ClassVar

from feira.cli.console import say
from feira.core.errors import FeiraError, Misconfigured

DONE, REFUSED, MISUSED, INTERRUPTED = 0, 1, 2, 130


class Misused(FeiraError):
    """The command was called with something it cannot work with; the message says what would do."""

    code: ClassVar[str] = "misused"


def exit_code_of(command: Callable[[], object]) -> int:
    """Run a command and return its exit code, having said on stderr what went wrong.

    With FEIRA_DEBUG set to something true, errors keep their stack trace.
    """
    try:
        command()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else DONE if done.code is None else REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if os.environ.get("FEIRA_DEBUG", "").lower() in {"1", "true", "yes", "on"}:
            raise
        if isinstance(error, FeiraError):
            say(f"feira: {error.message}")
            return MISUSED if isinstance(error, Misused | Misconfigured) else REFUSED
        say(f"feira: {_told(error)}")
        return REFUSED
    return DONE


def _told(error: Exception) -> str:
    reason = " ".join(str(error).split()) or "no message"
    # By name: most commands never load Django.
    if type(error).__module__ != "django.db.utils":
        return f"stopped by {type(error).__name__}: {reason}. Run again with FEIRA_DEBUG=1 to see where."
    if any(lack in reason for lack in ("no such table", "no such column", "does not exist")):
        return f"The database cannot be used: {reason}. Run `feira migrate` first if this shop is new or was upgraded."
    return f"The database cannot be used: {reason}. `feira doctor` tells more; FEIRA_DEBUG=1 shows where."
