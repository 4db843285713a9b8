"""Readers share, a writer is alone, and neither waits for ever."""

import threading

from feira.core.index.locking import ReadWriteLock


def test_readers_do_not_wait_for_each_other() -> None:
    lock, met = ReadWriteLock(), threading.Barrier(2, timeout=5)

    def read() -> None:
        with lock.reading():
            met.wait()  # passes only while both are inside

    other = threading.Thread(target=read)
    other.start()
    read()
    other.join(timeout=5)
    assert not met.broken


def test_a_waiting_writer_goes_before_new_readers() -> None:
    lock, order = ReadWriteLock(), list[str]()
    writer_done, reader_done = threading.Event(), threading.Event()

    def write() -> None:
        with lock.writing():
            order.append("writer")
        writer_done.set()

    def read() -> None:
        with lock.reading():
            order.append("reader")
        reader_done.set()

    with lock.reading():
        threading.Thread(target=write).start()
        while not lock._writers_waiting:
            pass
        threading.Thread(target=read).start()
        assert not reader_done.wait(0.05)
        assert order == []
    assert writer_done.wait(5)
    assert reader_done.wait(5)
    assert order == ["writer", "reader"]


def test_the_lock_is_free_again_after_an_error() -> None:
    lock = ReadWriteLock()
    for side in (lock.reading, lock.writing):
        try:
            with side():
                raise KeyError
        except KeyError:
            pass
    with lock.writing():
        assert lock._writing
