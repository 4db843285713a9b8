"""The shop's only door to the engine: a typed client that turns every failure into `EngineUnavailable`."""

import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec
import numpy as np

from feira.core.errors import (
    DimensionMismatch,
    EncoderChanged,
    EngineUnavailable,
    FeiraError,
    InvalidImage,
    NoTextSide,
)
from feira.core.photo_set import PhotoSet, as_photo_set
from feira.core.types import Hit, Matrix
from feira.engine import wire
from feira.engine.wire import EngineStatus, ServedStatus, Tag, TagsReply, Verification

__all__ = ["Embedded", "Encoded", "EngineClient", "EngineStatus", "ServedStatus", "Tag", "TagsReply", "Verification"]

CONNECT_TIMEOUT_S = 2.0
AWAY_S = 5.0
VERIFY_TIMEOUT_S = 900.0
IMAGES_PER_REQUEST = 32
TEXTS_PER_REQUEST = 128

Reply = TypeVar("Reply", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Embeddings together with the encoder that made them; `rows[i]` belongs to the i-th image."""

    encoder_id: str
    rows: Matrix


@dataclass(frozen=True, slots=True)
class Embedded:
    """Text vectors together with the text encoder that made them; `rows[i]` belongs to the i-th text."""

    text_id: str
    rows: Matrix


class EngineClient:
    """Asks one engine process, or several that serve the same shop.

    Connections are kept open. One client may be shared by threads and survives a fork: each process gets connections
    of its own. Several engines take turns; one that cannot be reached, is full, is starting or does not hold the
    encoder that is named is passed over, and asked last for some seconds when it could not be reached. Nothing else is
    retried here; who can wait (a job) retries, who cannot (a page) does without.

    Args:
        url: address of the engine; of several, separated by commas.
        timeout_s: longest wait for an answer. Engines are told, and begin nothing for a caller who has left.

    Every method raises `EngineUnavailable` when the engine refuses connections, is too slow, is still starting, is
    full (then `facts["retry_after_s"]` says when to come again) or fails. A method that takes an `encoder_id` is
    answered by exactly that encoder, or raises `EncoderChanged` (an `EngineUnavailable`, too) when it is not served;
    without one the live encoder answers.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self.urls = [one.strip().rstrip("/") for one in url.split(",") if one.strip()]
        self.timeout_s = timeout_s
        self._turn = itertools.count()
        self._away_until: dict[str, float] = {}
        # Keyed by process id: a connection inherited through fork would mix the answers of two processes. No lock
        # guards the dictionary, because a lock held by another thread during a fork would stay held in the child.
        self._by_pid: dict[int, httpx.Client] = {}

    def status(self) -> EngineStatus:
        """Return what an engine serves; also answers while it is starting (`ready` is false then)."""
        return self._status(self._send("GET", "/status"))

    def statuses(self) -> list[EngineStatus]:
        """Return what each engine serves, in the order of their addresses; every one of them has to answer."""
        return [self._status(self._send("GET", "/status", only=url)) for url in self.urls]

    def encode(self, images: Sequence[bytes], *, bulk: bool = False, encoder_id: str | None = None) -> Encoded:
        """Return the embeddings of encoded photos (WebP, JPEG or PNG bytes, best a rendition) and their encoder's id.

        Args:
            images: any number; sent 32 at a time, all of them seen by one encoder.
            bulk: step back behind people's queries; for jobs.

        Raises:
            InvalidImage: one of the photos cannot be read; `facts["position"]` says which. None is encoded.
        """
        parts: list[Matrix] = []
        for start in range(0, max(len(images), 1), IMAGES_PER_REQUEST):
            piece = list(images[start : start + IMAGES_PER_REQUEST])
            request = wire.EncodeRequest(images=piece, bulk=bulk, encoder_id=encoder_id)
            try:
                reply = self._post("/encode", request, wire.EncodeReply)
            except InvalidImage as error:
                position = start + int(error.facts.get("position", 0))
                facts = {name: value for name, value in error.facts.items() if name not in {"position", "reason"}}
                raise InvalidImage(error.message, reason=error.reason, position=position, **facts) from error
            encoder_id = reply.encoder_id
            parts.append(wire.unpack_rows(reply.rows, reply.dim))
        return Encoded(encoder_id=str(encoder_id), rows=np.concatenate(parts))

    def encode_images(self, images: Sequence[bytes], *, bulk: bool = False) -> Matrix:
        """Return only the rows of `encode`, shape (n, dim), float32, unit length."""
        return self.encode(images, bulk=bulk).rows

    def encode_texts(self, texts: Sequence[str], *, bulk: bool = False, encoder_id: str | None = None) -> Encoded:
        """Return one row per text in the space of the encoder's images: `search` takes them as queries.

        Args:
            texts: any number; of each the first 2,000 characters count.
            bulk: step back behind people's queries; for jobs.

        Raises:
            NoTextSide: nothing leads from words to this encoder's pictures.
        """
        parts: list[Matrix] = []
        for piece in _pieces(texts):
            request = wire.TextsRequest(texts=piece, bulk=bulk, encoder_id=encoder_id)
            reply = self._post("/encode-texts", request, wire.EncodeReply)
            encoder_id = reply.encoder_id
            parts.append(wire.unpack_rows(reply.rows, reply.dim))
        return Encoded(encoder_id=str(encoder_id), rows=np.concatenate(parts))

    def embed_texts(self, texts: Sequence[str], *, bulk: bool = False) -> Embedded:
        """Return one row per text in the text encoder's own space, whatever the image encoder.

        Raises:
            NoTextSide: there is no text encoder.
            EngineUnavailable: also when the engine changed its text encoder between two requests of this call.
        """
        text_id, parts = "", list[Matrix]()
        for piece in _pieces(texts):
            reply = self._post("/embed-texts", wire.TextsRequest(texts=piece, bulk=bulk), wire.EmbedTextsReply)
            if parts and reply.text_id != text_id:
                raise EngineUnavailable(
                    f"The engine changed its text encoder from {text_id} to {reply.text_id} meanwhile. Try again.",
                    url=self.url,
                )
            text_id = reply.text_id
            parts.append(wire.unpack_rows(reply.rows, reply.dim) if reply.dim else np.empty((0, 0), np.float32))
        return Embedded(text_id=text_id, rows=np.concatenate(parts))

    def tags(self, rows: Matrix, *, encoder_id: str | None = None) -> list[list[Tag]]:
        """Return what the encoder's classifiers see, per embedding; empty lists when it has none.

        Raises:
            DimensionMismatch: the embeddings come from another encoder.
        """
        return self.classify(rows, encoder_id=encoder_id).tags

    def classify(self, rows: Matrix, *, encoder_id: str | None = None) -> TagsReply:
        """Return what `tags` does and, in one answer with it, which version of the classifiers says so.

        Raises:
            DimensionMismatch: the embeddings come from another encoder.
        """
        rows = np.atleast_2d(np.asarray(rows, dtype=np.float32))
        request = wire.TagsRequest(vectors=wire.pack_rows(rows), dim=rows.shape[1], encoder_id=encoder_id)
        return self._post("/tags", request, wire.TagsReply)

    def search(
        self, queries: Matrix, k: int, *, among: PhotoSet | Sequence[int] | None = None, encoder_id: str | None = None
    ) -> list[list[Hit]]:
        """Return the `k` best photos for each query, highest score first.

        Args:
            queries: shape (n, dim), float32; one vector of shape (dim,) counts as one query.
            k: at most 10,000; fewer hits come back only when fewer photos are there (or in `among`).
            among: compare only these photos; unknown ids are ignored. Who asks often with the same ones makes the
                `PhotoSet` once: a million ids travel as 125 kB.
            encoder_id: which encoder made the queries.

        Raises:
            DimensionMismatch: the queries come from another encoder.
        """
        rows = np.atleast_2d(np.asarray(queries, dtype=np.float32))
        request = wire.SearchRequest(
            vectors=wire.pack_rows(rows),
            dim=rows.shape[1],
            k=k,
            among=None if among is None else as_photo_set(among).pack(),
            encoder_id=encoder_id,
        )
        return wire.unpack_hits(self._post("/search", request, wire.SearchReply))

    def wait_for(self, seq: int, timeout_s: float, *, encoder_id: str | None = None) -> bool:
        """Return whether every engine that answers holds log entry `seq`, waiting up to `timeout_s` seconds for it."""
        deadline = time.monotonic() + min(max(timeout_s, 0.0), wire.MAX_WAIT_S)
        reached, away = list[bool](), None
        for url in self.urls:
            left_s = max(deadline - time.monotonic(), 0.0)
            request = wire.WaitRequest(seq=seq, timeout_s=left_s, encoder_id=encoder_id)
            try:
                reply = self._post("/wait", request, wire.WaitReply, timeout_s=left_s + self.timeout_s, only=url)
            except EngineUnavailable as error:
                away = error  # it answers no searches either
            else:
                reached.append(reply.reached)
        if away is not None and not reached:
            raise away
        return all(reached)

    def verify(self) -> Verification:
        """Rebuild the index from the log inside the engine and compare; takes seconds for 100,000 photos."""
        response = self._send("POST", "/verify", content=b"", timeout_s=VERIFY_TIMEOUT_S)
        return self._decoded("/verify", response, Verification)

    def compact(self) -> list[EngineStatus]:
        """Let each engine give back spare memory and write snapshots; return what they serve then."""
        return self._of_each("/compact")

    def rebuild(self) -> list[EngineStatus]:
        """Let each engine, one after the other, build its index from the log again while the old one answers."""
        return self._of_each("/rebuild")

    def close(self) -> None:
        """Close this process's connections; the next call opens new ones."""
        client = self._by_pid.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _of_each(self, path: str) -> list[EngineStatus]:
        """Ask every engine for something that takes long; return what they serve then."""
        sent = [self._send("POST", path, content=b"", timeout_s=VERIFY_TIMEOUT_S, only=url) for url in self.urls]
        return [self._decoded(path, response, EngineStatus) for response in sent]

    def _post(
        self,
        path: str,
        request: msgspec.Struct,
        kind: type[Reply],
        *,
        timeout_s: float | None = None,
        only: str | None = None,
    ) -> Reply:
        content = msgspec.msgpack.encode(request)
        return self._decoded(path, self._send("POST", path, content=content, timeout_s=timeout_s, only=only), kind)

    def _status(self, response: httpx.Response) -> EngineStatus:
        try:
            return msgspec.json.decode(response.content, type=EngineStatus)
        except msgspec.DecodeError as error:
            raise self._not_understood("/status", error) from error

    def _decoded(self, path: str, response: httpx.Response, kind: type[Reply]) -> Reply:
        try:
            return msgspec.msgpack.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise self._not_understood(path, error) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        timeout_s: float | None = None,
        only: str | None = None,
    ) -> httpx.Response:
        """Return the first success of the engines in turn, or raise what the last of them said."""
        limit_s = timeout_s or self.timeout_s
        deadline = time.monotonic() + limit_s
        said: EngineUnavailable | None = None
        for url in [only] if only else self._in_turn():
            left_s = deadline - time.monotonic()
            if said is not None and left_s <= 0:
                break
            try:
                response = self._request(method, url, path, content=content, limit_s=max(left_s, 0.001))
                if response.is_success:
                    return response
                raise self._refusal(path, response)
            except _TookTooLong:
                raise
            except EngineUnavailable as error:
                said = error
        assert said is not None  # noqa: S101 - there is at least one address
        raise said

    def _in_turn(self) -> list[str]:
        """Return every address, beginning with another one each time; those that were away just now come last."""
        first = next(self._turn) % len(self.urls)
        now = time.monotonic()
        turned = self.urls[first:] + self.urls[:first]
        return sorted(turned, key=lambda url: self._away_until.get(url, 0.0) > now)

    def _request(self, method: str, url: str, path: str, *, content: bytes | None, limit_s: float) -> httpx.Response:
        headers = {"content-type": wire.MSGPACK} if content is not None else {}
        headers[wire.TIMEOUT_HEADER] = str(round(limit_s * 1000))
        timeout = httpx.Timeout(limit_s, connect=min(limit_s, CONNECT_TIMEOUT_S))
        try:
            response = self._client().request(method, url + path, content=content, headers=headers, timeout=timeout)
        except (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout) as error:
            raise _TookTooLong(
                f"The engine at {url} did not answer {path} within {round(limit_s, 2):g} s. "
                "Try again, or look at its log.",
                url=url,
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._away_until[url] = time.monotonic() + AWAY_S
            raise EngineUnavailable(
                f"The engine at {url} cannot be reached ({error}). Start it with `feira engine` or `feira up`.",
                url=url,
            ) from error
        self._away_until.pop(url, None)
        return response

    def _client(self) -> httpx.Client:
        client = self._by_pid.get(os.getpid())
        if client is None:
            # The engine is ours and usually on this machine: proxies of the environment are not for it.
            made = httpx.Client(trust_env=False, limits=httpx.Limits(keepalive_expiry=30.0))
            client = self._by_pid.setdefault(os.getpid(), made)
        return client

    def _refusal(self, path: str, response: httpx.Response) -> FeiraError:
        try:
            problem: dict[str, Any] = msgspec.json.decode(response.content, type=dict[str, Any])
        except msgspec.DecodeError:
            problem = {}
        code, detail = problem.get("code"), str(problem.get("detail", ""))
        if code == InvalidImage.code:
            return InvalidImage(
                detail, reason=str(problem.get("reason", "unreadable")), position=int(problem.get("position", 0))
            )
        if code == DimensionMismatch.code:
            return DimensionMismatch(expected=int(problem["expected"]), got=int(problem["got"]))
        if code == NoTextSide.code:
            return NoTextSide(detail)
        if code == EncoderChanged.code:
            return EncoderChanged(detail, url=self.url, encoder_id=str(problem.get("encoder_id", "")))
        if response.status_code >= 500:
            facts = (
                {"retry_after_s": int(retry)} if (retry := response.headers.get("retry-after", "")).isdigit() else {}
            )
            said = detail or f"HTTP {response.status_code}"
            return EngineUnavailable(f"The engine at {self.url} could not answer {path}: {said}", url=self.url, **facts)
        return FeiraError(
            f"The engine at {self.url} refused {path}: {detail or f'HTTP {response.status_code}'}",
            url=self.url,
            status=response.status_code,
        )

    def _not_understood(self, path: str, error: Exception) -> EngineUnavailable:
        return EngineUnavailable(
            f"What answers {path} at {self.url} is not an engine of this version ({error}). Check FEIRA_ENGINE_URL.",
            url=self.url,
        )


class _TookTooLong(EngineUnavailable):
    """The time is over; asking another engine would only double the wait."""


def _pieces(texts: Sequence[str]) -> list[list[str]]:
    """Return the texts in lists that a request may hold, at least one; what no text may hold is replaced."""
    sent = [text[: wire.MAX_TEXT_CHARS].encode("utf-8", "replace").decode() for text in texts]
    return [sent[start : start + TEXTS_PER_REQUEST] for start in range(0, max(len(sent), 1), TEXTS_PER_REQUEST)]
