"""The message store alone: leases, order, expiry, other processes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from feira.shop.jobs.store import Binding, Delivered, MessageStore

LEASE_S = 10.0


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[MessageStore]:
    opened = MessageStore(tmp_path / "broker.sqlite3", clock)
    yield opened
    opened.close()


def test_messages_come_in_the_order_they_were_put(store: MessageStore) -> None:
    for tag in ("b", "a", "c"):
        store.put("q", tag, f"body of {tag}")
    assert [store.take("q", lease_s=LEASE_S) for _ in range(4)] == [
        Delivered("b", "body of b", 1),
        Delivered("a", "body of a", 1),
        Delivered("c", "body of c", 1),
        None,
    ]


def test_a_message_of_a_silent_reader_comes_back_when_its_lease_runs_out(store: MessageStore, clock: Clock) -> None:
    store.put("q", "a", "")
    store.take("q", lease_s=LEASE_S)
    clock.now += LEASE_S
    assert store.take("q", lease_s=LEASE_S) is None
    clock.now += 0.1
    assert store.take("q", lease_s=LEASE_S) == Delivered("a", "", 2)


def test_a_reader_that_renews_keeps_its_message(store: MessageStore, clock: Clock) -> None:
    store.put("q", "a", "")
    store.take("q", lease_s=LEASE_S)
    clock.now += LEASE_S - 1
    store.renew(["a"], lease_s=LEASE_S)
    clock.now += LEASE_S - 1
    assert store.take("q", lease_s=LEASE_S) is None


def test_renewing_a_message_that_is_done_does_not_bring_it_back(store: MessageStore, clock: Clock) -> None:
    store.put("q", "a", "")
    store.take("q", lease_s=LEASE_S)
    store.done("a")
    store.renew(["a"], lease_s=LEASE_S)
    clock.now += 10 * LEASE_S
    assert store.take("q", lease_s=LEASE_S) is None


def test_a_message_past_its_time_is_delivered_to_nobody_and_swept(store: MessageStore, clock: Clock) -> None:
    store.put("q", "a", "", expires=clock.now + 5)
    store.put("q", "b", "", expires=clock.now + 50)
    clock.now += 6
    assert store.ready("q") == 1
    assert store.sweep() == 1
    taken = store.take("q", lease_s=LEASE_S)
    assert taken is not None
    assert taken.tag == "b"


def test_a_passing_queue_is_swept_with_its_messages_and_bindings_once_nobody_reads_it(
    store: MessageStore, clock: Clock
) -> None:
    for queue in ("reply", "control"):
        store.let_pass(queue, idle_s=20)
        store.bind("pidbox", Binding("", "", queue))
        store.put(queue, f"to {queue}", "")
    store.put("default", "job", "")
    clock.now += 15
    store.let_pass("control", idle_s=20)
    clock.now += 15
    assert store.sweep() == 1
    assert store.bindings("pidbox") == [Binding("", "", "control")]
    assert (store.ready("reply"), store.ready("control"), store.ready("default")) == (0, 1, 1)


def test_purging_spares_what_somebody_holds(store: MessageStore) -> None:
    for tag in ("a", "b", "c"):
        store.put("q", tag, "")
    store.take("q", lease_s=LEASE_S)
    assert store.purge("q") == 2
    store.give_back(["a"])
    assert store.ready("q") == 1


def test_changes_tells_of_own_writes_and_of_those_of_others_and_of_nothing_else(
    store: MessageStore, tmp_path: Path
) -> None:
    other = MessageStore(tmp_path / "broker.sqlite3")
    other.ready("q")
    before = store.changes()
    store.ready("q")
    assert store.changes() == before
    store.put("q", "a", "")
    after_own = store.changes()
    assert after_own != before
    other.put("q", "b", "")
    assert store.changes() not in (before, after_own)
    other.close()


def test_parent_and_forked_child_both_go_on(store: MessageStore) -> None:
    store.put("q", "before", "")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.put("q", "from the child", "")
            store.close()
            status = 0
        finally:
            os._exit(status)
    store.put("q", "from the parent", "")
    assert os.waitpid(child, 0)[1] == 0
    tags = {taken.tag for _ in range(3) if (taken := store.take("q", lease_s=LEASE_S))}
    assert tags == {"before", "from the child", "from the parent"}


class Readers(RuleBasedStateMachine):
    """Whatever readers do and however long they sleep, no message is lost, doubled among holders, or invented."""

    held = Bundle("held")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.store = MessageStore(Path(self.folder.name) / "broker.sqlite3", self.clock)
        self.count = 0
        self.left: dict[str, float] = {}  # tag of every message that is not done: until when it is held

    @rule()
    def put(self) -> None:
        self.count += 1
        self.store.put("q", str(self.count), f"body {self.count}")
        self.left[str(self.count)] = 0.0

    @rule(target=held)
    def take(self) -> str:
        free = [int(tag) for tag, until in self.left.items() if until < self.clock.now]
        taken = self.store.take("q", lease_s=LEASE_S)
        assert (taken.tag if taken else None) == (str(min(free)) if free else None)
        if taken is None:
            return ""
        assert taken.body == f"body {taken.tag}"
        self.left[taken.tag] = self.clock.now + LEASE_S
        return taken.tag

    @rule(tag=consumes(held))
    def finish(self, tag: str) -> None:
        self.store.done(tag)
        self.left.pop(tag, None)

    @rule(tag=consumes(held))
    def give_back(self, tag: str) -> None:
        self.store.give_back([tag])
        if tag in self.left:
            self.left[tag] = 0.0

    @rule(tag=held)
    def renew(self, tag: str) -> None:
        self.store.renew([tag], lease_s=LEASE_S)
        if tag in self.left:
            self.left[tag] = self.clock.now + LEASE_S

    @rule(seconds=st.floats(0.5, 2 * LEASE_S))
    def sleep(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def what_is_free_is_ready(self) -> None:
        if hasattr(self, "store"):
            assert self.store.ready("q") == sum(until < self.clock.now for until in self.left.values())

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.clock.now += 2 * LEASE_S
            assert {self.store.take("q", lease_s=LEASE_S).tag for _ in self.left} == set(self.left)  # type: ignore[union-attr]  # none is missing
            assert self.store.take("q", lease_s=LEASE_S) is None
            self.store.close()
            self.folder.cleanup()


TestReaders = Readers.TestCase
TestReaders.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
