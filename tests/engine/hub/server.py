"""A model hub on real sockets: its protocol, and every way in which it can misbehave.

Two servers: the hub answers about revisions and hands out small files itself; large ones it sends to another address,
as real hubs do, and that one knows ranges.
"""

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

SMALL = 600


@dataclass
class Request:
    """What a client asked for."""

    path: str
    headers: dict[str, str]


@dataclass
class Hub:
    """The two servers' memory.

    Attributes:
        repositories: name to branch or commit to path to content; `main` is listed under its commit.
        token: without it, everything is 401.
        statuses: per path, what is answered before the file is given, one per request.
        break_after: per path, after how many bytes the connection is cut, one per request.
        lies: per path, what is sent instead of the content.
        redirects: per path, where large files are sent instead of to the other server.
        retry_after: header of answers that are no success.
        with_ranges: whether the second server knows them.
        listed: per path, facts that replace those of the listing.
        answered_commit, answers: what the API says of any revision, where it shall lie.
    """

    url: str = ""
    cdn: str = ""
    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    token: str = ""
    statuses: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    break_after: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    lies: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    retry_after: str = ""
    with_ranges: bool = True
    answered_commit: str = ""
    answers: dict[str, Any] | None = None
    requests: list[Request] = field(default_factory=list)
    cdn_requests: list[Request] = field(default_factory=list)

    def add(self, name: str, files: dict[str, bytes], *, licence: str = "apache-2.0") -> str:
        """Add a commit to a repository, make it `main`, and return it."""
        told = hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
        held = dict(files)  # a test may change what the hub holds, and must not change what others put there
        self.repositories.setdefault(name, {}).update({told: held, "main": held})
        self.licences[name] = licence
        return told

    def asked(self, ending: str) -> list[Request]:
        """Return what was asked of either server for addresses of this ending."""
        return [one for one in [*self.requests, *self.cdn_requests] if urlsplit(one.path).path.endswith(ending)]

    def describe(self, name: str, revision: str) -> dict[str, Any] | None:
        """Return what the hub's API says of a revision, None when there is none."""
        if self.answers is not None:
            return self.answers
        files = self.repositories.get(name, {}).get(revision)
        if files is None:
            return None
        commit = next(told for told, held in self.repositories[name].items() if held is files and told != "main")
        return {
            "id": name,
            "sha": self.answered_commit or commit,
            "cardData": {"license": self.licences[name]},
            "siblings": [{"rfilename": path} | self._facts(path, content) for path, content in files.items()],
        }

    def _facts(self, path: str, content: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
        facts: dict[str, Any] = {"size": len(content), "blobId": blob}
        if len(content) > SMALL:
            facts["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return facts | self.listed.get(path, {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def refused(self, path: str) -> bool:
        waiting = self.hub.statuses[path]
        status = waiting.pop(0) if waiting else 200
        if status != 200:
            headers = {"Retry-After": self.hub.retry_after} if self.hub.retry_after else {}
            self.answer(status, b"", headers)
        return status != 200

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def give(self, path: str, content: bytes) -> None:
        """Give a file or the rest of it, as the hub's misbehaviour allows."""
        content = self.hub.lies.get(path, content)
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        asked, start, status = self.headers.get("Range", ""), 0, 200
        headers = {"ETag": tag}
        if asked and self.hub.with_ranges and self.headers.get("If-Range", tag) == tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cuts = self.hub.break_after[path]
        self.answer(status, content[start:], headers, cut=cuts.pop(0) if cuts else None)


class _HubHandler(_Handler):
    def do_GET(self) -> None:
        self.hub.requests.append(Request(self.path, dict(self.headers)))
        path = unquote(urlsplit(self.path).path)
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.answer(401, b"")
        elif path.startswith("/api/models/"):
            if not self.refused(path):
                name, _, revision = path.removeprefix("/api/models/").partition("/revision/")
                facts = self.hub.describe(name, revision)
                self.answer(404 if facts is None else 200, json.dumps(facts).encode())
        elif "/resolve/" in path:
            self.resolve(path)
        else:
            self.answer(404, b"")

    def resolve(self, path: str) -> None:
        name, _, rest = path.lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        content = self.hub.repositories.get(name, {}).get(revision, {}).get(file)
        if content is None:
            self.answer(404, b"")
        elif self.refused(file):
            return
        elif len(content) > SMALL or file in self.hub.redirects:
            target = self.hub.redirects.get(file) or f"{self.hub.cdn}/{name}/{revision}/{file}?signature=secret"
            self.answer(302, b"", {"Location": target, "X-Linked-Size": str(len(content))})
        else:
            self.give(file, content)


class _CdnHandler(_Handler):
    def do_GET(self) -> None:
        self.hub.cdn_requests.append(Request(self.path, dict(self.headers)))
        owner, repository, revision, file = unquote(urlsplit(self.path).path).lstrip("/").split("/", 3)
        content = self.hub.repositories.get(f"{owner}/{repository}", {}).get(revision, {}).get(file)
        if content is None:
            self.answer(404, b"")
        elif not self.refused(f"cdn:{file}"):
            self.give(file, content)


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve a hub on this machine."""
    hub = Hub()
    servers = []
    for kind, named in ((_HubHandler, "url"), (_CdnHandler, "cdn")):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (kind,), {"hub": hub}))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        setattr(hub, named, f"http://127.0.0.1:{server.server_address[1]}")
    yield hub
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
