import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from feira.core.errors import InvalidImage
from feira.core.images.limits import IntakeLimits
from feira.core.images.prepared import PreparedPhoto, prepare_photo
from feira.core.images.sandbox import PhotoSandbox
from feira.core.images.wire import UnbelievableAnswerError, pack_prepared, pack_refusal, unpack_answer
from feira.core.testing.photos import photo_bytes


@pytest.fixture(scope="module")
def sandbox() -> Iterator[PhotoSandbox]:
    with PhotoSandbox() as sandbox:
        yield sandbox


def pid_of(sandbox: PhotoSandbox) -> int:
    assert sandbox._child is not None
    return sandbox._child._process.pid


@pytest.fixture(scope="module")
def large_png() -> bytes:
    """49 megapixels with transparency: seconds of work."""
    buffer = io.BytesIO()
    Image.new("RGBA", (7000, 7000), (10, 20, 30, 128)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def test_the_sandbox_answers_as_the_same_work_in_this_process(sandbox: PhotoSandbox) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "GIF"):
        content = photo_bytes(size=(700, 500), format=kind, pattern="checks")
        assert sandbox.prepare(content) == prepare_photo(content)


def test_a_refusal_passes_through_with_reason_and_words(sandbox: PhotoSandbox) -> None:
    for content in (b"", b"<svg/>", photo_bytes()[:300]):
        with pytest.raises(InvalidImage) as here:
            prepare_photo(content)
        with pytest.raises(InvalidImage) as there:
            sandbox.prepare(content)
        assert (there.value.reason, there.value.message) == (here.value.reason, here.value.message)


def test_one_child_serves_many_photos(sandbox: PhotoSandbox) -> None:
    sandbox.prepare(photo_bytes((1, 2, 3)))
    first = pid_of(sandbox)
    for level in range(5):
        sandbox.prepare(photo_bytes((level, 2, 3)))
    assert pid_of(sandbox) == first


def test_a_photo_that_takes_too_long_is_refused_and_the_next_one_is_served(large_png: bytes) -> None:
    with PhotoSandbox(IntakeLimits(timeout_s=0.6)) as sandbox:
        sandbox.prepare(photo_bytes())
        started = time.monotonic()
        with pytest.raises(InvalidImage) as caught:
            sandbox.prepare(large_png)
        assert caught.value.reason == "took_too_long"
        assert time.monotonic() - started < 4
        assert sandbox.prepare(photo_bytes()).width == 64


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not enforce a limit on address space")
def test_a_photo_that_needs_too_much_memory_is_refused_and_the_next_one_is_served(large_png: bytes) -> None:
    with PhotoSandbox(IntakeLimits(memory_bytes=250_000_000)) as sandbox:
        with pytest.raises(InvalidImage) as caught:
            sandbox.prepare(large_png)
        assert caught.value.reason == "too_much_memory"
        assert sandbox.prepare(photo_bytes()).width == 64


def test_a_child_killed_between_photos_is_replaced_unnoticed() -> None:
    with PhotoSandbox() as sandbox:
        sandbox.prepare(photo_bytes())
        first = pid_of(sandbox)
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        assert sandbox.prepare(photo_bytes()).width == 64
        assert pid_of(sandbox) != first


@pytest.mark.parametrize(
    ("death", "reason"),
    [(signal.SIGSEGV, "damaged"), (signal.SIGKILL, "too_much_memory"), (signal.SIGXCPU, "took_too_long")],
)
def test_a_child_that_dies_over_a_photo_means_a_refusal(death: signal.Signals, reason: str, large_png: bytes) -> None:
    with PhotoSandbox() as sandbox:
        sandbox.prepare(photo_bytes())
        killer = threading.Timer(0.1, os.kill, (pid_of(sandbox), death))
        killer.start()
        with pytest.raises(InvalidImage) as caught:
            sandbox.prepare(large_png)
        killer.join()
        assert caught.value.reason == reason
        assert sandbox.prepare(photo_bytes()).width == 64


def test_a_stopped_child_does_not_hang_the_parent() -> None:
    with PhotoSandbox(IntakeLimits(timeout_s=3.0)) as sandbox:
        sandbox.prepare(photo_bytes())
        os.kill(pid_of(sandbox), signal.SIGSTOP)
        with pytest.raises(InvalidImage) as caught:
            sandbox.prepare(photo_bytes(size=(900, 900), format="PNG", pattern="noise"))
        assert caught.value.reason == "took_too_long"


def test_threads_share_a_sandbox(sandbox: PhotoSandbox) -> None:
    wanted = [photo_bytes((level, 0, 255 - level), (20 + level, 30)) for level in range(0, 240, 20)]
    got: dict[int, PreparedPhoto] = {}

    def work(position: int) -> None:
        got[position] = sandbox.prepare(wanted[position])

    threads = [threading.Thread(target=work, args=(position,)) for position in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[position] for position in range(len(wanted))] == [prepare_photo(content) for content in wanted]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="os.fork beside threads warns there")
def test_a_forked_process_gets_a_child_of_its_own() -> None:
    with PhotoSandbox() as sandbox:
        sandbox.prepare(photo_bytes())
        mine = pid_of(sandbox)
        forked = os.fork()
        if forked == 0:
            ok = sandbox.prepare(photo_bytes()).width == 64 and pid_of(sandbox) != mine
            sandbox.close()
            os._exit(0 if ok else 1)
        _, status = os.waitpid(forked, 0)
        assert status == 0
        assert sandbox.prepare(photo_bytes()).width == 64
        assert pid_of(sandbox) == mine


def test_the_child_ends_with_the_sandbox_and_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEIRA_SECRET_KEY", "do-not-tell")
    with PhotoSandbox() as sandbox:
        sandbox.prepare(photo_bytes())
        pid = pid_of(sandbox)
        environment = Path(f"/proc/{pid}/environ")
        if environment.exists():
            assert b"do-not-tell" not in environment.read_bytes()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_answer_is_not_believed() -> None:
    content = photo_bytes()
    answer = pack_prepared(prepare_photo(content))
    assert unpack_answer(answer, content) == prepare_photo(content)
    forgeries = [
        b"",
        answer[:-1],
        answer.replace(b'"tint": ', b'"tint": 9'),
        answer.replace(b'"jpeg"', b'"html"'),
        answer.replace(b'"thumb", 64', b'"thumb", 63'),
        answer.replace(b"RIFF", b"<svg"),
        pack_refusal(InvalidImage("no", reason="because")),
    ]
    for forged in forgeries:
        assert forged != answer
        with pytest.raises(UnbelievableAnswerError):
            unpack_answer(forged, content)
