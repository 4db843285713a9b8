"""Waiting for a database that is started again."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

WAITS_S = (0.5, 1.0, 2.0, 4.0)

T = TypeVar("T")
logger = structlog.get_logger(__name__)


def over_a_restart(step: Callable[[], T]) -> T:
    """Return what a step returns; while the database is away it is tried again over a new connection, for some seconds.

    The step must bear to be done again. Inside a transaction it is tried once, for that is lost as a whole.

    Raises:
        OperationalError, InterfaceError: the database stayed away.
    """
    for wait_s in WAITS_S:
        try:
            return step()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block:
                raise
            logger.warning("database_away", reason=str(error), wait_s=wait_s)
            connection.close()
            time.sleep(wait_s)
    return step()
