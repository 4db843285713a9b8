"""Requests that may be sent twice and act once: the `Idempotency-Key` header."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from feira.core.errors import FeiraError
from feira.shop.web.models import IdempotentAnswer
from feira.shop.web.renderers import as_json

HEADER = "Idempotency-Key"
ANSWERS_ARE_KEPT = timedelta(hours=24)
KEY_MAX_LENGTH = 200

IDEMPOTENCY_PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": KEY_MAX_LENGTH, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description=(
        "Your own unique name for this request, such as a UUID. Sent again within 24 hours, it gets the first answer "
        "and nothing is done twice."
    ),
)


class UnusableKey(FeiraError):
    """The header holds something that cannot be a key."""

    code = "idempotency_key_unusable"


class KeyReused(FeiraError):
    """The key came before with other content."""

    code = "idempotency_key_reused"
    http_status = 422


def content_of(request: Request) -> bytes:
    """Return the parsed body of a JSON request in a form that does not depend on spaces or the order of keys."""
    return json.dumps(request.data, sort_keys=True).encode()


def first_answer(request: Request, content: bytes) -> Response | None:
    """Return the answer that this key got before, so that costly work can be left out; None for a new key.

    Raises:
        UnusableKey: the header is empty, too long or not printable ASCII.
        KeyReused: the key came before with other content or for another address.
    """
    key = _key_of(request)
    if key is None:
        return None
    young = timezone.now() - ANSWERS_ARE_KEPT
    known = IdempotentAnswer.objects.filter(account_id=_account_of(request), key=key, created_at__gte=young).first()
    return _repeat(known, request, content) if known else None


def answer_once(request: Request, content: bytes, work: Callable[[], Mapping[str, Any]]) -> Response:
    """Do the work and answer 201 with what it returns; a repeated key gets the first answer and does nothing.

    The effects and the remembered answer share one transaction: both are there or neither. A request that came at the
    same time with the same key waits for the first (the unique constraint sees to it). Refusals are not remembered,
    so a corrected request may use its key again.

    Raises:
        UnusableKey, KeyReused: as for `first_answer`.
    """
    key = _key_of(request)
    with transaction.atomic():
        if key is None:
            return Response(work(), status=201)
        IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - ANSWERS_ARE_KEPT).delete()
        answer = IdempotentAnswer(
            account_id=_account_of(request),
            key=key,
            request=_name_of(request),
            digest=hashlib.sha256(content).hexdigest(),
            status=201,
            body={},
        )
        try:
            with transaction.atomic():
                answer.save(force_insert=True)
        except IntegrityError:
            known = IdempotentAnswer.objects.get(account_id=_account_of(request), key=key)
            return _repeat(known, request, content)
        body = work()
        answer.body = orjson.loads(as_json(body))
        answer.save(update_fields=["body"])
    return Response(body, status=201)


def _account_of(request: Request) -> int:
    if request.user.pk is None:
        raise NotAuthenticated
    return request.user.pk


def _key_of(request: Request) -> str | None:
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not key or len(key) > KEY_MAX_LENGTH or not key.isascii() or not key.isprintable():
        raise UnusableKey(f"An {HEADER} is 1 to {KEY_MAX_LENGTH} printable ASCII characters, such as a UUID.")
    return key


def _name_of(request: Request) -> str:
    return f"{request.method} {request.path}"[:200]


def _repeat(known: IdempotentAnswer, request: Request, content: bytes) -> Response:
    same = known.request == _name_of(request) and known.digest == hashlib.sha256(content).hexdigest()
    if not same:
        raise KeyReused(f"This {HEADER} came before with other content. Use a new key for a new request.")
    return Response(known.body, status=known.status, headers={"Idempotent-Replayed": "true"})
