"""What the API reads and writes about photos."""

from rest_framework import serializers


class RenditionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One size in which a photo is shown."""

    url = serializers.CharField(help_text="Address on this site.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class RenditionsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The sizes in which a photo is shown, as WebP."""

    thumb = RenditionSerializer(help_text="Longest side at most 240 pixels.")
    card = RenditionSerializer(help_text="Longest side at most 480 pixels.")
    full = RenditionSerializer(help_text="Longest side at most 1600 pixels.")


class PhotoSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An own photo."""

    id = serializers.IntegerField()
    format = serializers.CharField(help_text="Of the original, by content: jpeg, png, webp, avif, gif or heic.")
    byte_size = serializers.IntegerField(help_text="Of the original, in bytes.")
    width = serializers.IntegerField(help_text="Of the upright original, in pixels.")
    height = serializers.IntegerField(help_text="Of the upright original, in pixels.")
    tint = serializers.IntegerField(help_text="Mean colour as a cell of a 6×6×6 palette, 0 to 215.")
    is_public = serializers.BooleanField(help_text="Whether others may see it: it stands on a published listing.")
    renditions = RenditionsSerializer()
    created_at = serializers.DateTimeField()


class ShownPhotoSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A photo as it is shown on a listing; width and height are those of the card."""

    id = serializers.IntegerField()
    alt = serializers.CharField(help_text="What it shows, in words.")
    tint = serializers.IntegerField(help_text="Mean colour as a cell of a 6×6×6 palette, 0 to 215.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    src_thumb = serializers.CharField(help_text="Address on this site, as are the others.")
    src_card = serializers.CharField()
    src_full = serializers.CharField()
    srcset = serializers.CharField(help_text="Ready for an `img` element.")


class UploadSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One photo to be taken."""

    photo = serializers.FileField(
        allow_empty_file=True, help_text="JPEG, PNG, WebP, AVIF or GIF, decided by content whatever its name."
    )
