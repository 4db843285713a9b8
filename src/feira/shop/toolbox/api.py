"""The digit counter."""

import re

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.core.digits import MOST_DIGITS, count_digit

_DECIMAL = re.compile(r"[0-9]+")


@extend_schema_field({"type": "string", "pattern": f"^[0-9]{{1,{MOST_DIGITS}}}$"})
class WholeNumberField(serializers.CharField):
    """A number of up to 1,001 digits; longer ones are refused before anything computes with them."""

    def to_internal_value(self, data: str) -> int:  # type: ignore[override] # a number is what this text means
        """Return the number.

        Raises:
            ValidationError: it has other characters than digits, or too many of them.
        """
        text = super().to_internal_value(data)
        if not _DECIMAL.fullmatch(text):
            raise serializers.ValidationError(_("Write a whole number with the digits 0 to 9 only."))
        if len(text) > MOST_DIGITS:
            raise serializers.ValidationError(
                _("This has %(count)s digits; at most %(most)s are counted.")
                % {"count": len(text), "most": MOST_DIGITS}
            )
        return int(text)


class CounterAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What is to be counted."""

    digit = serializers.RegexField(
        "^[0-9]$", error_messages={"invalid": _("Give one digit from 0 to 9.")}, help_text="One digit, 0 to 9."
    )
    n = WholeNumberField(help_text="Count in 1, 2, …, n: at least 1, at most 10^1000.")

    def validate_n(self, n: int) -> int:
        """Return n when it is within its bounds.

        Raises:
            ValidationError: it is not.
        """
        if not 1 <= n <= 10 ** (MOST_DIGITS - 1):
            raise serializers.ValidationError(_("n has to be from 1 to 10^1000."))
        return n


class CounterSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The count, exactly."""

    digit = serializers.IntegerField()
    n = serializers.IntegerField(help_text="May have a thousand digits.")
    count = serializers.IntegerField(help_text="Exact; may have a thousand digits.")
    count_text = serializers.CharField(help_text="The same as text, for languages whose numbers lose digits.")


class CounterView(APIView):
    """How often a digit is written when counting."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="count_digit",
        summary="Count how often a digit stands in 1…n",
        description="By closed form, exact up to n = 10^1000, in milliseconds.",
        tags=["tools"],
        parameters=[CounterAskedSerializer],
        responses=CounterSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with the count."""
        asked = CounterAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        digit, n = int(asked.validated_data["digit"]), asked.validated_data["n"]
        count = count_digit(digit, n)
        return Response({"digit": digit, "n": n, "count": count, "count_text": str(count)})
