"""What the API reads and writes about accounts."""

from rest_framework import serializers


class SellerSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A seller as everybody sees them."""

    name = serializers.CharField(help_text="Name shown to others.")
    slug = serializers.SlugField(help_text="Stands for the seller in addresses and filters.")
    location = serializers.CharField(allow_blank=True)


class OwnSellerSerializer(SellerSerializer):
    """One's own seller's page."""

    about = serializers.CharField(allow_blank=True)


class MeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The account that sent the request."""

    id = serializers.IntegerField()
    email = serializers.EmailField()
    display_name = serializers.CharField(allow_blank=True, help_text="Name shown to others.")
    is_staff = serializers.BooleanField()
    date_joined = serializers.DateTimeField()
    seller = OwnSellerSerializer(allow_null=True, help_text="Null until something was offered.")


class ProfileChangesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Changes to one's own profile; what is left out stays."""

    display_name = serializers.CharField(max_length=60, required=False)
    about = serializers.CharField(max_length=1000, allow_blank=True, required=False)
    location = serializers.CharField(max_length=80, allow_blank=True, required=False)


class TokenSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A token; its secret is never shown again."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="First characters of the secret.")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class IssuedTokenSerializer(TokenSerializer):
    """A token just made, with its secret."""

    token = serializers.CharField(help_text="The secret. Keep it: it is shown this one time.")


class TokensSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One's own tokens, newest first."""

    results = TokenSerializer(many=True)


class NewTokenSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a token is for."""

    name = serializers.CharField(max_length=60, help_text="What the token is for, such as “stock import”.")


class CredentialsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Address and password of an account."""

    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=256, trim_whitespace=False)
    name = serializers.CharField(max_length=60, required=False, default="API", help_text="What the token is for.")
