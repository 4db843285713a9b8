"""Photos in Django's admin, for staff: looked at, rarely changed."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from feira.shop.jobs.admin import ReadOnlyAdmin
from feira.shop.photos.models import Photo, ServedEncoder
from feira.shop.photos.selectors import rendition_url


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin[Photo]):
    """Photos with their owners; they come by upload and go with their listing, so nothing is typed here."""

    list_display = ("id", "shown", "owner", "format", "width", "height", "byte_size", "is_public", "searchable")
    list_filter = ("is_public", "searchable", "format")
    list_select_related = ("owner",)
    search_fields = ("digest__startswith", "owner__email")
    ordering = ("-pk",)
    fields = (
        "shown",
        "owner",
        "digest",
        "format",
        "byte_size",
        "width",
        "height",
        "tint",
        "is_public",
        "searchable",
        "created_at",
    )
    show_full_result_count = False

    @admin.display(description=_("photo"))
    def shown(self, photo: Photo) -> str:
        """Show the smallest rendition."""
        thumb = photo.renditions["thumb"]
        source = rendition_url(photo.pk, "thumb", thumb["digest"])
        return format_html(
            '<img src="{}" width="{}" height="{}" alt="">', source, thumb["width"] // 2, thumb["height"] // 2
        )

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Photos come by upload."""
        return False

    def has_change_permission(self, _request: HttpRequest, _photo: Photo | None = None) -> bool:
        """What a photo is, its bytes say."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _photo: Photo | None = None) -> bool:
        """A photo leaves the index by its listing being taken down; deleting the row would leave it there."""
        return False


@admin.register(ServedEncoder)
class ServedEncoderAdmin(ReadOnlyAdmin):
    """Which encoders serve, come and were; `feira model` moves them, for engines have to agree."""

    list_display = ("name", "encoder_id", "state", "done", "total", "created_at", "switched_at", "note")
    ordering = ("-pk",)
