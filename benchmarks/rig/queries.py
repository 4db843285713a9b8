"""What code asks the database."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from django.db import connection


class Queries:
    """Notes the statements executed inside, at next to no cost: `statements` holds each with its values."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, Any]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(connection.execute_wrapper(self._note))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _note(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN")):
            self.statements.append((sql, params))
        return execute(sql, params, many, context)
