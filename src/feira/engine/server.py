"""The engine's HTTP face: msgpack in, msgpack out, problem documents for every refusal.

GET  /healthz  the process lives            GET  /metrics  for Prometheus
GET  /readyz   it has caught up             GET  /status   what it serves, as JSON
POST /encode        photos to embeddings    POST /search   embeddings to photos
POST /encode-texts  texts to queries        POST /tags     embeddings to names
POST /embed-texts   texts to text vectors
POST /wait          until a log entry is in POST /verify   compare with a rebuild from the log
POST /compact       give back spare memory  POST /rebuild  build the index from the log again
"""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from feira.core.errors import FeiraError
from feira.core.photo_set import PhotoSet
from feira.core.types import Matrix
from feira.engine import wire
from feira.engine.config import EngineConfig
from feira.engine.metrics import CONTENT_TYPE
from feira.engine.served import Terms
from feira.engine.service import Engine, Starting

GRACE_S = 10
MAX_HITS_PER_REQUEST = 1_000_000
CLIENT_GONE = 499

Body = TypeVar("Body")
Result = TypeVar("Result")
Handler = Callable[[Request], Awaitable[Response]]

logger = logging.getLogger(__name__)


class BadRequest(FeiraError):
    """The body is not what this address expects."""

    code = "bad_request"

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.http_status = status  # type: ignore[misc]  # 400, 413, 415 and 422 differ in nothing else


class EngineApi:
    """One method per address; each decodes, asks the engine, encodes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self) -> list[Route]:
        """Return every address of the engine."""
        posts = {
            "/encode": self.encode,
            "/encode-texts": self.encode_texts,
            "/embed-texts": self.embed_texts,
            "/tags": self.tags,
            "/search": self.search,
            "/wait": self.wait,
            "/verify": self.verify,
            "/compact": self.compact,
            "/rebuild": self.rebuild,
        }
        gets = {"/healthz": self.healthz, "/readyz": self.readyz, "/metrics": self.metrics, "/status": self.status}
        return [
            *(Route(path, answer, methods=["GET"]) for path, answer in gets.items()),
            *(Route(path, self._measured(path, answer), methods=["POST"]) for path, answer in posts.items()),
        ]

    async def healthz(self, _: Request) -> Response:
        """The process lives."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """The encoder is warm and the index has caught up with the log once."""
        if not self._engine.ready:
            fault = self._engine.status().fault
            return problem(Starting(f"The engine is starting. {fault}".strip()))
        return PlainTextResponse("ready\n")

    async def metrics(self, _: Request) -> Response:
        """Counters and gauges as Prometheus reads them."""
        return Response(self._engine.metrics.page(), media_type=CONTENT_TYPE)

    async def status(self, _: Request) -> Response:
        """What is served, for people and the client."""
        return Response(msgspec.json.encode(self._engine.status()), media_type="application/json")

    async def encode(self, request: Request) -> Response:
        """Turn photos into embeddings."""
        asked = decoded(await self._body(request), wire.EncodeRequest)
        encoder_id, rows = await unless_gone(request, self._engine.encode(asked.images, _terms(request, asked)))
        return packed(wire.EncodeReply(encoder_id=encoder_id, dim=rows.shape[1], rows=wire.pack_rows(rows)))

    async def encode_texts(self, request: Request) -> Response:
        """Turn texts into queries that pictures answer."""
        asked = decoded(await self._body(request), wire.TextsRequest)
        encoder_id, rows = await unless_gone(request, self._engine.encode_texts(asked.texts, _terms(request, asked)))
        return packed(wire.EncodeReply(encoder_id=encoder_id, dim=rows.shape[1], rows=wire.pack_rows(rows)))

    async def embed_texts(self, request: Request) -> Response:
        """Turn texts into vectors of the text encoder's own space."""
        asked = decoded(await self._body(request), wire.TextsRequest)
        text_id, rows = await unless_gone(request, self._engine.embed_texts(asked.texts, _terms(request, asked)))
        return packed(wire.EmbedTextsReply(text_id=text_id, dim=rows.shape[1], rows=wire.pack_rows(rows)))

    async def tags(self, request: Request) -> Response:
        """Name what classifiers see in photos, by their embeddings."""
        asked = decoded(await self._body(request), wire.TagsRequest)
        rows = _finite_rows(asked.vectors, asked.dim)
        encoder_id, version, tags = await unless_gone(request, self._engine.tags(rows, encoder_id=asked.encoder_id))
        return packed(wire.TagsReply(encoder_id=encoder_id, tags=tags, heads_version=version))

    async def search(self, request: Request) -> Response:
        """Find the photos nearest to vectors."""
        asked = decoded(await self._body(request), wire.SearchRequest)
        queries = _finite_rows(asked.vectors, asked.dim)
        try:
            among = None if asked.among is None else PhotoSet.unpack(asked.among)
        except ValueError as error:
            raise BadRequest(f"The photo ids are cut off: {error}.", status=422) from error
        if len(queries) * asked.k > MAX_HITS_PER_REQUEST:
            raise BadRequest(f"Ask for at most {MAX_HITS_PER_REQUEST:,} hits at once.", status=422)
        encoder_id, seq, found = await unless_gone(
            request, self._engine.search(queries, asked.k, among=among, encoder_id=asked.encoder_id)
        )
        counts, photo_ids, scores = wire.pack_hits(found)
        return packed(
            wire.SearchReply(encoder_id=encoder_id, seq=seq, counts=counts, photo_ids=photo_ids, scores=scores)
        )

    async def wait(self, request: Request) -> Response:
        """Answer when a log entry is searchable, or when the time is over."""
        asked = decoded(await self._body(request), wire.WaitRequest)
        work = self._engine.wait_for(asked.seq, asked.timeout_s, encoder_id=asked.encoder_id)
        reached, seq = await unless_gone(request, work)
        return packed(wire.WaitReply(reached=reached, seq=seq))

    async def verify(self, request: Request) -> Response:
        """Compare the index with one rebuilt from the log."""
        await self._body(request)
        return packed(await self._engine.verify())

    async def compact(self, request: Request) -> Response:
        """Give back memory that is not needed, and write a snapshot."""
        await self._body(request)
        return packed(await self._engine.compact())

    async def rebuild(self, request: Request) -> Response:
        """Build the index from the log again while the old one serves."""
        await self._body(request)
        return packed(await self._engine.rebuild())

    async def _body(self, request: Request) -> bytes:
        # A page in a browser on this machine cannot send this type here without asking first, which is refused.
        if request.headers.get("content-type") != wire.MSGPACK:
            raise BadRequest(f"Send the request as {wire.MSGPACK}.", status=415)
        limit, parts, size = self._engine.config.max_body_bytes, [], 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise BadRequest(f"The request is larger than {limit} bytes. Send fewer photos at once.", status=413)
            parts.append(part)
        return b"".join(parts)

    def _measured(self, path: str, answer: Handler) -> Handler:
        async def measured(request: Request) -> Response:
            started, request.state.began = time.perf_counter(), time.monotonic()
            status = 500
            try:
                response = await answer(request)
                status = response.status_code
            except FeiraError as error:
                status = error.http_status
                raise
            except ClientDisconnect:
                status = CLIENT_GONE
                response = Response(status_code=CLIENT_GONE)
            finally:
                self._engine.metrics.requests.labels(path, status).inc()
                self._engine.metrics.request_seconds.labels(path).observe(time.perf_counter() - started)
            return response

        return measured


def create_app(engine: Engine, *, on_failed_start: Callable[[BaseException], None]) -> Starlette:
    """Return the application; the engine starts with it in the background, so that /healthz answers at once."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        starting = asyncio.create_task(engine.start())

        def report(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                on_failed_start(error)

        starting.add_done_callback(report)
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, engine.reload)
        yield
        starting.cancel()
        await asyncio.wait([starting])
        await engine.stop()

    return Starlette(
        routes=EngineApi(engine).routes(),
        lifespan=lifespan,
        exception_handlers={FeiraError: _refused, HTTPException: _no_such_address, Exception: _failed},
    )


def serve(config: EngineConfig, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; then answer what is under way, write a snapshot and return.

    SIGHUP opens the model folders again, without dropping a request.

    Raises:
        FeiraError: the engine cannot start with this configuration.
    """
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    app = create_app(Engine(config), on_failed_start=fail)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    # uvicorn raises the signal again once it has stopped; by then there is nothing left to interrupt.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    if failures:
        raise failures[0]


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the work's result; cancel it when the one who asked has hung up.

    Raises:
        ClientDisconnect: they have.
    """
    task = asyncio.create_task(work)
    hung_up = asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait({task, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        hung_up.cancel()
        task.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def decoded(content: bytes, kind: type[Body]) -> Body:
    """Return the record in a body.

    Raises:
        BadRequest: it is no msgpack (400) or another record (422).
    """
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The request does not fit: {error}.", status=422) from error
    except msgspec.DecodeError as error:
        raise BadRequest(f"The request is not msgpack: {error}.") from error


def _finite_rows(vectors: bytes, dim: int) -> Matrix:
    """Return the rows in a body.

    Raises:
        BadRequest: they are cut off, or hold something that is no number.
    """
    try:
        rows = wire.unpack_rows(vectors, dim)
    except ValueError as error:
        raise BadRequest(f"The vectors are cut off: {error}.", status=422) from error
    if not np.isfinite(rows).all():
        raise BadRequest("A query vector holds infinity or NaN. Encode the query again.", status=422)
    return rows


def _terms(request: Request, asked: wire.EncodeRequest | wire.TextsRequest) -> Terms:
    """Return how something is asked for; a caller who has not said how long they wait, waits for ever."""
    said = request.headers.get(wire.TIMEOUT_HEADER, "")
    patience_s = int(said) / 1000 if said.isdecimal() and len(said) < 10 else None
    deadline = None if patience_s is None else request.state.began + patience_s
    return Terms(bulk=asked.bulk, encoder_id=asked.encoder_id, deadline=deadline)


def packed(reply: msgspec.Struct) -> Response:
    """Return a record as a response."""
    return Response(msgspec.msgpack.encode(reply), media_type=wire.MSGPACK)


def problem(error: FeiraError) -> Response:
    """Return a refusal as a problem document (RFC 9457)."""
    facts = {name: value for name, value in error.facts.items() if isinstance(value, str | int | float | bool)}
    known = {"type": "about:blank", "title": error.code, "status": error.http_status, "detail": error.message}
    headers = {"retry-after": str(error.facts["retry_after_s"])} if "retry_after_s" in error.facts else {}
    body = msgspec.json.encode({**facts, **known, "code": error.code})
    return Response(body, status_code=error.http_status, headers=headers, media_type=wire.PROBLEM)


async def _refused(_: Request, error: Exception) -> Response:
    return problem(error) if isinstance(error, FeiraError) else problem(FeiraError(str(error)))


async def _no_such_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return problem(BadRequest(f"{request.method} {request.url.path} is not an address of the engine.", status=status))


async def _failed(request: Request, _: Exception) -> Response:
    # The server logs the whole story; the one who asked gets a sentence.
    return problem(
        BadRequest(f"The engine failed on {request.url.path}. Its log has the details; try again.", status=500)
    )
