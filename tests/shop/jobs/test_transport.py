"""The embedded broker as kombu and Celery see it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue
from kombu.asynchronous import Hub
from kombu.asynchronous.timer import Timer
from kombu.message import Message

from feira.shop.jobs.celery import EMBEDDED_TRANSPORT
from feira.shop.jobs.store import MessageStore
from feira.shop.jobs.transport import store_at
from tests.shop.jobs.processes import open_shop

LEASE_S = 1.0
QUEUE = Queue("work", Exchange("work"), routing_key="work")

READ_AND_HANG = f"""
import sys, time
from kombu import Connection
options = {{"path": sys.argv[1], "lease_s": {LEASE_S}}}
with Connection("localhost", transport="{EMBEDDED_TRANSPORT}", transport_options=options) as connection:
    message = connection.SimpleQueue("work").get(timeout=5)
    print(message.payload, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "broker.sqlite3"


@pytest.fixture
def connection(path: Path) -> Iterator[Connection]:
    options = {"path": str(path), "lease_s": LEASE_S, "polling_interval": 0.01}
    with Connection("localhost", transport=EMBEDDED_TRANSPORT, transport_options=options) as opened:
        yield opened
    store_at(path).close()


def read(connection: Connection, timeout: float = 0.05) -> Message | None:
    queue = connection.SimpleQueue("work")
    try:
        message: Message = queue.get(timeout=timeout)
    except Empty:
        return None
    else:
        return message
    finally:
        queue.consumer.cancel()


def send(connection: Connection, body: Any, **options: Any) -> None:
    connection.Producer().publish(
        body, exchange=QUEUE.exchange, routing_key="work", declare=[QUEUE], serializer="json", **options
    )


def test_an_acknowledged_message_is_gone_and_a_rejected_one_too(connection: Connection, path: Path) -> None:
    send(connection, {"n": 1})
    send(connection, {"n": 2})
    first, second = read(connection), read(connection)
    assert first is not None
    assert second is not None
    assert (first.payload, second.payload) == ({"n": 1}, {"n": 2})
    first.ack()
    second.reject()
    time.sleep(LEASE_S * 1.2)
    assert store_at(path).ready("work") == 0


def test_an_acknowledgement_makes_room_for_the_next_message_before_the_event_loop_sleeps(path: Path) -> None:
    hub, bodies, held = Hub(timer=Timer()), list[int](), list[Message]()
    reader, writer = os.pipe()

    def take(body: int, message: Message) -> None:
        bodies.append(body)
        held.append(message)
        os.write(writer, b"done")

    def finish() -> None:
        # As Celery does when a child says that it has finished.
        os.read(reader, 4)
        hub.call_soon(held.pop().ack)

    hub.add_reader(reader, finish)
    options = {"path": str(path), "polling_interval": 0.5}
    with Connection("localhost", transport=EMBEDDED_TRANSPORT, transport_options=options) as connection:
        for number in range(5):
            send(connection, number)
        consumer = connection.Consumer([QUEUE], callbacks=[take], accept=["json"])
        consumer.qos(prefetch_count=1)
        consumer.consume()
        connection.register_with_event_loop(hub)
        started = time.monotonic()
        while len(bodies) < 5 and time.monotonic() - started < 5:
            hub.run_once()
        assert bodies == [0, 1, 2, 3, 4]
        assert time.monotonic() - started < 2 * 0.5, "one wait is for the first message"
    hub.close()
    os.close(reader)
    os.close(writer)
    store_at(path).close()


def test_queues_are_read_in_their_order(path: Path) -> None:
    options = {"path": str(path), "polling_interval": 0.01, "queue_order": ["short", "work", "long"]}
    bodies: list[str] = []

    def take(body: str, message: Message) -> None:
        bodies.append(body)
        message.ack()

    with Connection("localhost", transport=EMBEDDED_TRANSPORT, transport_options=options) as connection:
        queues = [Queue(name, Exchange(name), routing_key=name) for name in ("long", "other", "work", "short")]
        for queue in queues * 2:
            connection.Producer().publish(
                queue.name, exchange=queue.exchange, routing_key=queue.name, declare=[queue], serializer="json"
            )
        with connection.Consumer(queues, callbacks=[take], accept=["json"]):
            while len(bodies) < 8:
                connection.drain_events(timeout=2)
    store_at(path).close()
    assert bodies == ["other", "other", "short", "short", "work", "work", "long", "long"]


def test_a_requeued_message_comes_again_marked_as_redelivered(connection: Connection) -> None:
    send(connection, "again")
    first = read(connection)
    assert first is not None
    assert "redelivered" not in first.delivery_info
    first.requeue()
    second = read(connection)
    assert second is not None
    assert second.payload == "again"
    assert second.delivery_info["redelivered"] is True
    second.ack()


def test_a_message_stays_with_its_reader_for_longer_than_a_lease(connection: Connection, path: Path) -> None:
    send(connection, "long work")
    message = read(connection)
    assert message is not None
    deadline = time.monotonic() + 2 * LEASE_S
    while time.monotonic() < deadline:
        assert store_at(path).ready("work") == 0
        time.sleep(0.05)
    message.ack()


def test_closing_the_connection_gives_messages_back_at_once(connection: Connection, path: Path) -> None:
    send(connection, "unfinished")
    assert read(connection) is not None
    assert store_at(path).ready("work") == 0
    connection.release()
    assert store_at(path).ready("work") == 1


def test_an_expired_message_reaches_nobody(connection: Connection) -> None:
    send(connection, "too late", expiration=0.05)
    time.sleep(0.1)
    assert read(connection) is None


def test_a_reader_that_acknowledges_nothing_gets_each_message_once(connection: Connection, path: Path) -> None:
    send(connection, "told")
    queue = connection.SimpleQueue("work", no_ack=True)
    assert queue.get(timeout=1).payload == "told"
    time.sleep(LEASE_S * 1.2)
    assert store_at(path).ready("work") == 0


def test_fanout_reaches_every_bound_queue_and_topics_only_the_matching(connection: Connection, path: Path) -> None:
    news, talk = Exchange("news", type="fanout"), Exchange("talk", type="topic")
    channel = connection.channel()
    for name, exchange, key in (("a", news, ""), ("b", news, ""), ("c", talk, "de.#"), ("d", talk, "pt.*")):
        Queue(name, exchange, routing_key=key, channel=channel).declare()
    connection.Producer().publish("to all", exchange=news, declare=[news])
    connection.Producer().publish("auf Deutsch", exchange=talk, routing_key="de.berlin.mitte", declare=[talk])
    store = store_at(path)
    assert [store.ready(name) for name in "abcd"] == [1, 1, 1, 0]


@pytest.mark.system
def test_a_message_survives_the_kill_of_its_reader(connection: Connection, path: Path) -> None:
    send(connection, "survivor")
    reader = subprocess.Popen([sys.executable, "-c", READ_AND_HANG, str(path)], stdout=subprocess.PIPE, text=True)
    with reader:
        assert reader.stdout is not None
        assert reader.stdout.readline().strip() == "survivor"
        assert read(connection) is None
        reader.send_signal(signal.SIGKILL)
    message = read(connection, timeout=5 * LEASE_S)
    assert message is not None
    assert message.payload == "survivor"
    message.ack()


@pytest.mark.system
def test_remote_control_answers_and_its_queues_pass_with_their_readers(tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "broker.sqlite3"
    with open_shop(tmp_path, f"sqlite:///{path}", database=empty_database) as shop:
        shop.worker()
        (answer,) = shop.order("ping")
        assert list(answer.values()) == [{"ok": "pong"}]
    an_hour_later = MessageStore(path, lambda: time.time() + 3600)
    assert an_hour_later.sweep() >= 1
    assert an_hour_later.bindings("celery.pidbox") == an_hour_later.bindings("reply.celery.pidbox") == []
    assert [bound.queue for bound in an_hour_later.bindings("default")] == ["default"]
    an_hour_later.close()
