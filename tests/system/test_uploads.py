"""The memory of a real web process while hostile files and bodies of absurd length are sent to it."""

import csv
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from feira.cli.console import say
from tests.environment import free_port
from tests.shared_files import SHARED, needs_shared
from tests.system.living_shop import LivingShop, children_of, living_shop, wait_until

pytestmark = pytest.mark.system

FOLDER = SHARED / "data" / "bad-images"
MEGABYTE = 1_000_000
WEB_GROWTH = 300 * MEGABYTE
SANDBOX_MOST = 600 * MEGABYTE
UPLOADS_PER_MINUTE = 120


@dataclass
class Web:
    """One web process, and two people who may send photos to it."""

    shop: LivingShop
    url: str
    master: int
    tokens: list[str]

    @property
    def worker(self) -> int:
        """The process that answers."""
        (pid,) = children_of(self.master)
        return pid

    def memory(self) -> int:
        """Return the bytes of memory that the answering process holds."""
        return resident(self.worker)


def resident(pid: int) -> int:
    """Return the memory that a process holds, in bytes; 0 when it has ended."""
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return int(told or 0) * 1024


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Serve a shop without worker, engine and beat: photos are taken all the same."""
    with living_shop(tmp_path_factory.mktemp("shop"), services={"FEIRA_WEB_WORKERS": "1"}) as shop:
        shop.feira("migrate")
        tokens = shop.python(
            "from feira.shop.accounts.models import Account\n"
            "from feira.shop.accounts.services import issue_token\n"
            "for name in ('ana', 'rui'):\n"
            "    account = Account.objects.create_user(email=f'{name}@example.org', password='correct horse battery')\n"
            "    print(issue_token(account=account, name='test')[1])\n"
        ).split()
        port = free_port()
        process = shop.start("web", "--port", str(port))
        served = Web(shop, f"http://127.0.0.1:{port}", process.pid, tokens)
        try:
            wait_until(lambda: is_ready(served.url), "the web process is ready", shop=shop)
            yield served
        finally:
            process.terminate()
            process.wait(20)


def is_ready(url: str) -> bool:
    """Tell whether the shop answers."""
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/readyz").status_code == 200
    return False


@needs_shared("data/bad-images/index.csv")
def test_memory_stays_bounded_while_every_hostile_file_is_sent(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    with (FOLDER / "index.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    sent_by = {token: rows[number::2] for number, token in enumerate(web.tokens)}
    assert max(map(len, sent_by.values())) < UPLOADS_PER_MINUTE
    wrong, before, sandbox_peak, web_peak = [], 0, 0, 0
    for token, part in sent_by.items():
        with httpx.Client(base_url=web.url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            for row in part:
                before = before or web.memory()
                answer = client.post("/api/v1/photos/", files={"photo": (FOLDER / row["file"]).read_bytes()})
                assert answer.status_code in (201, 422), f"{row['file']}: {answer.text}"
                if row["expected"] == ("reject" if answer.status_code == 201 else "accept"):
                    wrong.append(row["file"])
                web_peak = max(web_peak, web.memory())
                sandbox_peak = max([sandbox_peak, *map(resident, children_of(web.worker))])
    assert wrong == []
    assert web_peak - before < WEB_GROWTH
    assert 0 < sandbox_peak < SANDBOX_MOST
    with capsys.disabled():
        say(
            f"\n{len(rows)} hostile files: web {before // MEGABYTE} MB, at most {web_peak // MEGABYTE} MB; "
            f"sandbox at most {sandbox_peak // MEGABYTE} MB"
        )


@pytest.mark.parametrize("door", ["/api/v1/photos/", "/sell/photo/", "/search/photo/"])
def test_a_body_of_ten_gigabytes_is_refused_before_it_is_sent(web: Web, door: str) -> None:
    before = web.memory()
    host, port = web.url.removeprefix("http://").split(":")
    head = (
        f"POST {door} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {web.tokens[0]}\r\n"
        "Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: 10000000000\r\n\r\n--edge\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(head.encode())
        answer = line.recv(4096).decode(errors="replace")
    assert answer.startswith("HTTP/1.1 413 ")
    assert web.memory() - before < 20 * MEGABYTE


def test_a_photo_of_sixty_megabytes_is_refused_without_holding_it_in_memory(web: Web, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(60 * MEGABYTE)
    with httpx.Client(base_url=web.url, timeout=30, follow_redirects=True) as browser:
        browser.get("/account/login/")
        signed_in = browser.post(
            "/account/login/",
            data={
                "login": "ana@example.org",
                "password": "correct horse battery",
                "csrfmiddlewaretoken": browser.cookies["feira_csrf"],
            },
            headers={"Referer": web.url},
        )
        assert signed_in.status_code == 200
        before = web.memory()
        with large.open("rb") as photo:
            refused = browser.post(
                "/sell/photo/", files={"photo": photo}, headers={"X-CSRFToken": browser.cookies["feira_csrf"]}
            )
    assert refused.status_code == 413
    assert "we take up to 20 MB" in refused.text
    assert web.memory() - before < 30 * MEGABYTE
