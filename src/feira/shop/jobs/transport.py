"""The embedded broker: a kombu transport over a SQLite file, for shops that run no broker.

Celery takes it by its class path (see `feira.shop.jobs.celery`). Against kombu's own file transports it loses no
message when a worker is killed, supports fan-out (so Celery's remote control works), and runs in the worker's event
loop. Transport options: `path` of the file, `lease_s`, `polling_interval` in seconds.
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

from kombu.transport import base, virtual
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


class QoS(virtual.QoS):  # type: ignore[misc]  # kombu is untyped
    """Keeps the leases of unacknowledged messages alive, from a thread of its own."""

    channel: "Channel"

    def __init__(self, channel: "Channel", prefetch_count: int = 0) -> None:
        super().__init__(channel, prefetch_count)
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
        self.channel.store.done(delivery_tag)
        self.channel.connection.look_soon()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Delete a message, or leave it to whoever asks next."""
        self._forget(delivery_tag)
        if requeue:
            self.channel.store.give_back([delivery_tag])
        else:
            self.channel.store.done(delivery_tag)
        self.channel.connection.look_soon()

    def restore_unacked(self) -> list[Any]:
        """Give back every message that was neither acknowledged nor rejected; nothing can go wrong half-way."""
        self._flush()
        with self._tags_lock:
            tags = sorted(self._tags)
            self._tags.clear()
        self.channel.store.give_back(tags)
        self._delivered.clear()
        return []

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Give back at the end of the channel, unless this is a forked copy of somebody else's channel."""
        if os.getpid() == self._pid:
            self._stop.set()
            super().restore_unacked_once(stderr)

    def _forget(self, delivery_tag: str) -> None:
        with self._tags_lock:
            self._tags.discard(delivery_tag)
        self._quick_ack(delivery_tag)

    def _renew(self) -> None:
        store, lease_s = self.channel.store, self.channel.lease_s
        while not self._stop.wait(lease_s / 3):
            with self._tags_lock:
                tags = sorted(self._tags)
            try:
                store.renew(tags, lease_s=lease_s)
            except sqlite3.OperationalError:
                # Busy for longer than the store waits. Two more tries fit into the term.
                continue


class Channel(virtual.Channel):  # type: ignore[misc]  # kombu is untyped
    """Translates kombu's words into the store's."""

    QoS = QoS
    supports_fanout = True
    # Nothing is published again at the end of a channel: the messages are still in the file.
    do_restore = True

    def __init__(self, connection: "Transport", **options: Any) -> None:
        super().__init__(connection, **options)
        given = connection.client.transport_options
        self.store = store_at(Path(given["path"]))
        self.lease_s = float(given.get("lease_s", LEASE_S))
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
        if message is not None and no_ack:
            self.store.done(message.delivery_tag)
        return message

    def queue_delete(self, queue: str, *_if_unused: bool, if_empty: bool = False, **_options: Any) -> None:
        """Delete a queue; whether it is in use is not known here, so `if_unused` asks for nothing."""
        if if_empty and self.store.ready(queue):
            return
        self.store.drop_queue(queue)
        self.state.queue_bindings_delete(queue)

    def queue_unbind(
        self, queue: str, exchange: str = "", routing_key: str = "", arguments: Any = None, **_options: Any
    ) -> None:
        """Undo a binding."""
        self.state.binding_delete(queue, exchange, routing_key)
        self.store.unbind(
            exchange, _binding(*self.typeof(exchange).prepare_bind(queue, exchange, routing_key, arguments))
        )

    def get_table(self, exchange: str) -> list[tuple[str, str, str]]:
        """Return the bindings of an exchange, as every process sees them."""
        return [(bound.routing_key, bound.pattern, bound.queue) for bound in self.store.bindings(exchange)]

    def prepare_queue_arguments(self, arguments: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Keep what a queue's declaration says about its expiry."""
        prepared: dict[str, Any] = base.to_rabbitmq_queue_arguments(arguments, **options)
        return prepared

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


class Transport(virtual.Transport):  # type: ignore[misc]  # kombu is untyped
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
        self._store = store_at(Path(client.transport_options["path"]))
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
            self._loop.call_soon(self._look)

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
                self.cycle.get(self._deliver)
            except Empty:
                return
        self.look_soon()


def _binding(routing_key: str | None, pattern: str | None, queue: str) -> Binding:
    return Binding(routing_key or "", pattern or "", queue)
