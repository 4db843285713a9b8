"""The embedded broker: a kombu transport over a SQLite file, for shops that run no broker.

Celery takes it by its class path (see `feira.shop.jobs.celery`). Against kombu's own file transports it loses no
message when a worker is killed, supports fan-out (so Celery's remote control works), and runs in the worker's event
loop. Transport options: `path` of the file, `lease_s` and `polling_interval` in seconds, and `queue_order`, names of
queues of which an earlier one is read before a later one; queues without a place in it come before all of them.
"""

import json
import os
import sqlite3
import threading
import time
from functools import cache
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import virtual
from kombu.utils.scheduling import FairCycle
from kombu.utils.uuid import uuid

from feira.shop.jobs.store import Binding, MessageStore

LEASE_S = 15.0
POLLING_INTERVAL_S = 0.05
# Leases run out without the file changing, so readers look once in a while all the same.
LOOK_AT_LEAST_EVERY_S = 1.0
SWEEP_EVERY_S = 60.0
MOST_PER_TICK = 64


@cache
def store_at(path: Path) -> MessageStore:
    """Return this process's store for a file: one for all connections, so that each sees what the others changed."""
    return MessageStore(path)


class QoS(virtual.QoS):
    """Keeps the leases of unacknowledged messages alive, from a thread of its own."""

    def __init__(self, channel: "Channel", prefetch_count: int = 0) -> None:
        super().__init__(channel, prefetch_count)
        self._store, self._lease_s = channel.store, channel.lease_s
        self._look_soon = channel.connection.look_soon
        self._pid = os.getpid()
        self._tags: set[str] = set()
        self._tags_lock = threading.Lock()
        self._stop = threading.Event()
        self._renewing: threading.Thread | None = None

    def append(self, message: virtual.Message, delivery_tag: str) -> None:
        """Note a message as delivered, to be acknowledged or rejected."""
        super().append(message, delivery_tag)
        with self._tags_lock:
            self._tags.add(delivery_tag)
        if self._renewing is None:
            self._renewing = threading.Thread(target=self._renew, name="broker-leases", daemon=True)
            self._renewing.start()

    def ack(self, delivery_tag: str) -> None:
        """Delete a message that was dealt with, which makes room for the next."""
        self._forget(delivery_tag)
        self._store.done(delivery_tag)
        self._look_soon()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Delete a message, or leave it to whoever asks next."""
        self._forget(delivery_tag)
        if requeue:
            self._store.give_back([delivery_tag])
        else:
            self._store.done(delivery_tag)
        self._look_soon()

    def restore_unacked(self) -> list[Any]:  # type: ignore[override]  # kombu expects a list, its stubs say None
        """Give back every message that was neither acknowledged nor rejected; nothing can go wrong half-way."""
        with self._tags_lock:
            tags = sorted(self._tags)
            self._tags.clear()
        self._store.give_back(tags)
        self._dirty.clear()  # type: ignore[union-attr]  # the base class has made both
        self._delivered.clear()  # type: ignore[union-attr]
        return []

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Give back at the end of the channel, unless this is a forked copy of somebody else's channel."""
        if os.getpid() == self._pid:
            self._stop.set()
            super().restore_unacked_once(stderr)

    def _forget(self, delivery_tag: str) -> None:
        with self._tags_lock:
            self._tags.discard(delivery_tag)
        super().ack(delivery_tag)

    def _renew(self) -> None:
        while not self._stop.wait(self._lease_s / 3):
            with self._tags_lock:
                tags = sorted(self._tags)
            try:
                self._store.renew(tags, lease_s=self._lease_s)
            except sqlite3.OperationalError:
                # Busy for longer than the store waits. Two more tries fit into the term.
                continue


class Channel(virtual.Channel):
    """Translates kombu's words into the store's."""

    QoS = QoS
    connection: "Transport"
    supports_fanout = True
    # Nothing is published again at the end of a channel: the messages are still in the file.
    do_restore = True

    def __init__(self, connection: "Transport", **options: Any) -> None:
        super().__init__(connection, **options)
        given = _options_of(connection.client)
        self.store = store_at(Path(given["path"]))
        self.lease_s = float(given.get("lease_s", LEASE_S))
        self._place_of = {queue: place for place, queue in enumerate(given.get("queue_order", ()))}
        self._unacknowledged: set[str] = set()
        self._passing: dict[str, float] = {}
        self._passing_seen: dict[str, float] = {}

    def basic_consume(self, queue: str, no_ack: bool, *arguments: Any, **options: Any) -> Any:
        """Start to read a queue."""
        if no_ack:
            self._unacknowledged.add(queue)
        else:
            self._unacknowledged.discard(queue)
        return super().basic_consume(queue, no_ack, *arguments, **options)

    def basic_get(self, queue: str, no_ack: bool = False, **options: Any) -> Any:
        """Return the next message of a queue, or None."""
        message = super().basic_get(queue, no_ack=no_ack, **options)
        if message is not None and message.delivery_tag is not None and no_ack:
            self.store.done(message.delivery_tag)
        return message

    def queue_delete(
        self,
        queue: str,
        if_unused: bool = False,  # noqa: ARG002 - kombu's signature
        if_empty: bool = False,
        **_options: Any,
    ) -> None:
        """Delete a queue; whether it is in use is not known here, so `if_unused` asks for nothing."""
        if if_empty and self.store.ready(queue):
            return
        self.store.drop_queue(queue)
        self.state.queue_bindings_delete(queue)

    def queue_unbind(
        self,
        queue: str,
        exchange: str | None = None,
        routing_key: str = "",
        arguments: dict[str, Any] | None = None,
        **_options: Any,
    ) -> None:
        """Undo a binding."""
        exchange = exchange or ""
        self.state.binding_delete(queue, exchange, routing_key)
        bound: Any = self.typeof(exchange).prepare_bind(queue, exchange, routing_key, arguments)
        self.store.unbind(exchange, _binding(*bound))

    def get_table(self, exchange: str) -> list[tuple[str, str, str]]:
        """Return the bindings of an exchange, as every process sees them."""
        return [(bound.routing_key, bound.pattern, bound.queue) for bound in self.store.bindings(exchange)]

    def prepare_queue_arguments(self, arguments: dict[str, Any] | None, **options: Any) -> dict[str, Any]:
        """Keep what a queue's declaration says about its expiry, in the words of AMQP."""
        expires_s = options.get("expires")
        return {**(arguments or {}), **({"x-expires": int(1000 * expires_s)} if expires_s else {})}

    def _new_queue(self, queue: str, **options: Any) -> None:
        expires_ms = (options.get("arguments") or {}).get("x-expires")
        if expires_ms:
            self._passing[queue] = expires_ms / 1000
            self._show_interest(queue)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        self.store.bind(exchange, _binding(routing_key, pattern, queue))

    def _put(self, queue: str, message: dict[str, Any], **_options: Any) -> None:
        expiration_ms = message["properties"].get("expiration")
        expires = time.time() + float(expiration_ms) / 1000 if expiration_ms else None
        # A tag of its own for every queue: the same message may go to several.
        self.store.put(queue, uuid(), json.dumps(message), expires=expires)

    def _put_fanout(self, exchange: str, message: dict[str, Any], _routing_key: str, **_options: Any) -> None:
        for queue in {bound.queue for bound in self.store.bindings(exchange)}:
            self._put(queue, message)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:  # noqa: ARG002 - kombu's signature
        if queue in self._passing:
            self._show_interest(queue)
        taken = self.store.take(queue, lease_s=self.lease_s)
        if taken is None:
            raise Empty
        if queue in self._unacknowledged:
            self.store.done(taken.tag)
        message: dict[str, Any] = json.loads(taken.body)
        message["properties"]["delivery_tag"] = taken.tag
        if taken.deliveries > 1:
            message["properties"]["delivery_info"]["redelivered"] = True
        return message

    def _reset_cycle(self) -> None:
        in_order = sorted(self._active_queues, key=lambda queue: self._place_of.get(queue, -1))
        self._cycle = _InOrder(self._get_and_deliver, in_order, Empty)

    def _size(self, queue: str) -> int:
        return self.store.ready(queue)

    def _purge(self, queue: str) -> int:
        return self.store.purge(queue)

    def _show_interest(self, queue: str) -> None:
        """Keep a passing queue from being swept while it is read."""
        now, idle_s = time.monotonic(), self._passing[queue]
        if now - self._passing_seen.get(queue, -idle_s) >= idle_s / 3:
            self._passing_seen[queue] = now
            self.store.let_pass(queue, idle_s=idle_s)


class _InOrder(FairCycle):
    """Looks into the queues from the first on, every time."""

    def get(self, callback: Any, **options: Any) -> Any:
        """Deliver from the first queue that has a message, or raise Empty."""
        self.pos = 0
        return super().get(callback, **options)


class Transport(virtual.Transport):
    """A connection to the file, in an event loop or blocking."""

    Channel = Channel
    polling_interval = POLLING_INTERVAL_S
    driver_type = "sqlite"
    driver_name = "sqlite3"
    connection_errors = (*virtual.Transport.connection_errors, sqlite3.OperationalError)
    implements = virtual.Transport.implements.extend(
        asynchronous=True, exchange_type=frozenset(["direct", "topic", "fanout"])
    )

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)
        self._store = store_at(Path(_options_of(client)["path"]))
        self._loop: Any = None
        self._is_look_planned = False
        self._seen: tuple[int, int] | None = None
        self._look_at = 0.0
        self._sweep_at = time.monotonic() + SWEEP_EVERY_S

    def driver_version(self) -> str:
        """Return SQLite's version."""
        return sqlite3.sqlite_version

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:  # noqa: ARG002 - kombu's signature
        """Look for messages from the worker's event loop."""
        self._loop = loop
        loop.call_repeatedly(self.polling_interval, self._look_if_worthwhile)

    def look_soon(self) -> None:
        """Look as soon as the event loop is free: there is room for a message, or one more to read."""
        if self._loop is not None and not self._is_look_planned:
            self._is_look_planned = True
            # As a timer, because messages are acknowledged by what `call_soon` runs, and what is added meanwhile by
            # another `call_soon` waits until the loop has slept: 20 ms between two jobs.
            self._loop.call_later(0, self._look)

    def _look_if_worthwhile(self) -> None:
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY_S
            self._store.sweep()
        if now >= self._look_at or self._store.changes() != self._seen:
            self._look()

    def _look(self) -> None:
        self._is_look_planned = False
        self._look_at = time.monotonic() + LOOK_AT_LEAST_EVERY_S
        self._seen = self._store.changes()
        for _ in range(MOST_PER_TICK):
            try:
                self.cycle.get(self._deliver)  # type: ignore[union-attr]  # the base class has made it
            except Empty:
                return
        self.look_soon()


def _binding(routing_key: str | None, pattern: str | None, queue: str) -> Binding:
    return Binding(routing_key or "", pattern or "", queue)


def _options_of(client: Any) -> dict[str, Any]:
    options: dict[str, Any] = client.transport_options or {}
    return options
