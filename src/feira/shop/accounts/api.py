"""One's own account and tokens over the API."""

import hashlib
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle
from rest_framework.views import APIView

from feira.shop.accounts.authentication import BEARER_CHALLENGE, account_of
from feira.shop.accounts.models import Account, ApiToken, Seller
from feira.shop.accounts.selectors import seller_of, tokens_of
from feira.shop.accounts.serializers import (
    CredentialsSerializer,
    IssuedTokenSerializer,
    MeSerializer,
    NewTokenSerializer,
    ProfileChangesSerializer,
    TokensSerializer,
)
from feira.shop.accounts.services import account_with_password, become_seller, change_profile, issue_token, revoke_token


class MeView(APIView):
    """The account that sends the request."""

    @extend_schema(operation_id="me", summary="Read one's own account", tags=["me"], responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Answer with the account and its seller."""
        return Response(_me(account_of(request)))

    @extend_schema(
        operation_id="change_me",
        summary="Change one's own profile",
        description="The address and the password are changed on the account pages.",
        tags=["me"],
        request=ProfileChangesSerializer,
        responses=MeSerializer,
    )
    def patch(self, request: Request) -> Response:
        """Change what others see of the account; saying where one is or who makes it a seller."""
        changes = _checked(ProfileChangesSerializer, request)
        account = account_of(request)
        seller = seller_of(account)
        if seller is None and ("about" in changes or "location" in changes):
            seller = become_seller(account=account)
        change_profile(
            account=account,
            display_name=changes.get("display_name", account.display_name),
            about=changes.get("about", seller.about if seller else ""),
            location=changes.get("location", seller.location if seller else ""),
        )
        return Response(_me(account))


class MyTokensView(APIView):
    """One's own tokens."""

    @extend_schema(operation_id="my_tokens", summary="List one's own tokens", tags=["me"], responses=TokensSerializer)
    def get(self, request: Request) -> Response:
        """Answer with what is known of the tokens, never their secrets."""
        return Response({"results": [_token(token) for token in tokens_of(account_of(request))]})

    @extend_schema(
        operation_id="make_token",
        summary="Make a token",
        tags=["me"],
        request=NewTokenSerializer,
        responses={201: IssuedTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Answer with the new token's secret, this one time."""
        return _issue(account_of(request), name=_checked(NewTokenSerializer, request)["name"])


class MyTokenView(APIView):
    """One token of one's own."""

    @extend_schema(
        operation_id="take_token_back", summary="Make a token useless", tags=["me"], request=None, responses={204: None}
    )
    def delete(self, request: Request, token_id: int) -> Response:
        """Take the token back; one that is not there or not one's own is not found."""
        if not revoke_token(account=account_of(request), token_id=token_id):
            raise Http404
        return Response(status=204)


class AddressThrottle(SimpleRateThrottle):
    """Limits guesses at one account's password, from however many machines they come."""

    scope = "tokens"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - fixed by DRF
        """Count by address; a request that names none is counted by its machine alone."""
        email = request.data.get("email") if isinstance(request.data, dict) else None
        if not isinstance(email, str):
            return None
        ident = hashlib.sha256(email.strip().lower().encode(errors="replace")).hexdigest()
        return self.cache_format % {"scope": "token_address", "ident": ident}


class TokensView(APIView):
    """A token for an address and a password: how a program signs in the first time."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (ScopedRateThrottle, AddressThrottle)
    throttle_scope = "tokens"

    @extend_schema(
        operation_id="sign_in",
        summary="Get a token for an address and a password",
        description="An unknown address and a wrong password get the same answer.",
        tags=["tokens"],
        auth=[],
        request=CredentialsSerializer,
        responses={201: IssuedTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Answer with a new token's secret."""
        given = _checked(CredentialsSerializer, request)
        account = account_with_password(email=given["email"], password=given["password"])
        if account is None:
            raise exceptions.AuthenticationFailed(_("Address and password do not belong together. Check both."))
        return _issue(account, name=given["name"])

    def get_authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - fixed by DRF
        """Make DRF answer 401 although this view reads no credentials from headers."""
        return BEARER_CHALLENGE


def _checked(serializer: type, request: Request) -> dict[str, Any]:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    checked: dict[str, Any] = given.validated_data
    return checked


def _issue(account: Account, *, name: str) -> Response:
    token, secret = issue_token(account=account, name=name)
    return Response({**_token(token), "token": secret}, status=201)


def _token(token: ApiToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in ("id", "name", "hint", "created_at", "last_used_at")}


def _me(account: Account) -> dict[str, Any]:
    shown = {name: getattr(account, name) for name in ("id", "email", "display_name", "is_staff", "date_joined")}
    seller = seller_of(account)
    return {**shown, "seller": _own_seller(seller) if seller else None}


def _own_seller(seller: Seller) -> dict[str, Any]:
    return {name: getattr(seller, name) for name in ("name", "slug", "location", "about")}
