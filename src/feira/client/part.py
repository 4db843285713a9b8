"""What every group of requests is made of."""

from typing import Any, TypeVar

from feira.client.errors import NotUnderstood
from feira.client.records import read_record, read_records
from feira.client.transport import Transport

Record = TypeVar("Record")
# What reading an answer of another shape raises.
UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError)


class Part:
    """A group of requests that share their shop's connections."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _read(self, kind: type[Record], body: Any) -> Record:
        try:
            return read_record(kind, body, absolute=self._transport.absolute)
        except UNREADABLE as error:
            raise NotUnderstood(str(self._transport.root)) from error

    def _read_all(self, kind: type[Record], body: Any, *, under: str = "results") -> tuple[Record, ...]:
        try:
            return read_records(kind, body, under=under, absolute=self._transport.absolute)
        except UNREADABLE as error:
            raise NotUnderstood(str(self._transport.root)) from error
