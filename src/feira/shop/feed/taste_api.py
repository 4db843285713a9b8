"""What is recommended to an account, and what it says about being known by its taste, over the API."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feira.core.recommend.sharing import MOST
from feira.shop.accounts.authentication import account_of
from feira.shop.feed import taste
from feira.shop.feed.for_you import ForYou, recommended_to, taste_known_of
from feira.shop.listings.answers import CardSerializer
from feira.shop.listings.marks import marked


class RecommendationsAskedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How many recommendations are wanted."""

    count = serializers.IntegerField(required=False, default=MOST, min_value=1, max_value=MOST)


class BecauseSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The listing that explains a recommendation."""

    id = serializers.IntegerField()
    url = serializers.CharField(help_text="Address of its page on this site.")
    title = serializers.CharField()
    sign = serializers.ChoiceField(choices=["liked", "opened"], help_text="What you did with it.")


class RecommendedSerializer(CardSerializer):
    """A listing that is recommended."""

    because = BecauseSerializer(allow_null=True, help_text="Null when that listing is not shown any more.")


class RecommendationsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Recommendations, the best first."""

    results = RecommendedSerializer(many=True)


class TasteSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What is known of one's own taste."""

    is_wanted = serializers.BooleanField(help_text="False when you asked not to be known by your taste.")
    interests = serializers.IntegerField(help_text="How many different things you seem to like.")
    recommended = serializers.IntegerField(help_text="How many listings are recommended by them.")
    updated_at = serializers.DateTimeField(allow_null=True, help_text="What you liked until then is in it.")
    since = serializers.DateTimeField(allow_null=True, help_text="What you liked before then does not count.")


class TasteChangesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Whether taste is to be followed."""

    is_wanted = serializers.BooleanField()


class RecommendationsView(APIView):
    """What is recommended to the account that asks."""

    @extend_schema(
        operation_id="recommendations",
        summary="List what is recommended to you",
        description="Made by a job of what you liked and opened: it answers even while the engine is away. At most 24.",
        tags=["me"],
        parameters=[RecommendationsAskedSerializer],
        responses=RecommendationsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with cards of live listings that the account does not like so far, each with its reason."""
        asked = RecommendationsAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        account = account_of(request)
        found = recommended_to(account, asked.validated_data["count"])
        marked(account, [each.card for each in found])
        return Response({"results": [_body(each) for each in found if not each.card["liked"]]})


class TasteView(APIView):
    """What is known of the account's taste."""

    @extend_schema(
        operation_id="taste", summary="Read what is known of your taste", tags=["me"], responses=TasteSerializer
    )
    def get(self, request: Request) -> Response:
        """Answer with what is known."""
        return Response(asdict(taste_known_of(account_of(request))))

    @extend_schema(
        operation_id="change_taste",
        summary="Have your taste followed, or no longer",
        description="No longer: what was known is deleted. Again: everything that you saved so far counts.",
        tags=["me"],
        request=TasteChangesSerializer,
        responses=TasteSerializer,
    )
    def patch(self, request: Request) -> Response:
        """Do as asked; saying so again changes nothing."""
        given = TasteChangesSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        account = account_of(request)
        taste.want_taste(account, is_wanted=given.validated_data["is_wanted"])
        return Response(asdict(taste_known_of(account)))

    @extend_schema(
        operation_id="forget_taste",
        summary="Forget your taste",
        description="What you liked or opened before no longer counts; what you like afterwards builds it anew.",
        tags=["me"],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request) -> Response:
        """Forget it; doing so again changes nothing but the moment since which things count."""
        taste.forget_taste(account_of(request))
        return Response(status=204)


def _body(each: ForYou) -> dict[str, object]:
    because = each.because and {
        "id": each.because["id"],
        "url": each.because["url"],
        "title": each.because["title"],
        "sign": "liked" if each.is_liked else "opened",
    }
    return {**each.card, "because": because}
