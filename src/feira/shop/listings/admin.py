"""The catalogue in Django's admin, for staff: what things are called is changed here, what is offered is looked at."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.http import HttpRequest
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from feira.shop.listings.models import (
    Attribute,
    AttributeChoice,
    Category,
    ImportRow,
    ImportRun,
    Listing,
    ListingAttribute,
    ListingPhoto,
)


class _LookedAtInline(InlineModelAdmin):  # type: ignore[type-arg]
    """Rows that belong to another and are not changed here."""

    extra = 0
    can_delete = False

    def has_add_permission(self, _request: HttpRequest, _parent: object = None) -> bool:
        """Rows come by the shop's own pages."""
        return False

    def has_change_permission(self, _request: HttpRequest, _parent: object = None) -> bool:
        """Rows are changed on the shop's own pages."""
        return False


class ListingPhotoInline(_LookedAtInline, admin.TabularInline[ListingPhoto, Listing]):
    """The photos of a listing, in order."""

    model = ListingPhoto
    fields = ("position", "photo", "alt")


class ListingAttributeInline(_LookedAtInline, admin.TabularInline[ListingAttribute, Listing]):
    """The attributes of a listing."""

    model = ListingAttribute
    fields = ("attribute", "choice", "number", "text")


@admin.register(Listing)
class ListingAdmin(admin.ModelAdmin[Listing]):
    """Listings. Their state has consequences for the index, so it is changed by the shop's own pages."""

    list_display = ("id", "title", "seller", "category", "price", "currency", "state", "published_at")
    list_filter = ("state", "condition")
    list_select_related = ("seller", "category")
    search_fields = ("title", "seller__name")
    raw_id_fields = ("seller", "category")
    readonly_fields = ("state", "cover", "search_text", "created_at", "updated_at", "published_at")
    inlines: ClassVar = [ListingPhotoInline, ListingAttributeInline]
    ordering = ("-pk",)
    show_full_result_count = False

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """A listing is posted with its photos, on the sell page."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _listing: Listing | None = None) -> bool:
        """A listing is taken down by archiving, which also takes its photos out of the index."""
        return False


class CategoryForm(forms.ModelForm[Category]):
    """A name and a place; the path follows from them once and then stays."""

    def clean(self) -> dict[str, Any]:
        """Refuse a new category whose path is taken."""
        cleaned = super().clean() or self.cleaned_data
        if not self.instance.path and cleaned.get("name"):
            parent = cleaned.get("parent")
            slug = slugify(cleaned["name"])[:70] or "other"
            path = f"{parent.path}/{slug}" if parent else slug
            if Category.objects.filter(path=path).exists():
                raise forms.ValidationError(_("There is a category at %(path)s already.") % {"path": path})
            self.instance.slug, self.instance.path = slug, path
            self.instance.depth = parent.depth + 1 if parent else 0
        return cleaned


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin[Category]):
    """The tree of categories. Names may be changed at any time; paths stand in addresses and stay."""

    form = CategoryForm
    fields = ("name", "parent", "slug", "path", "depth")
    raw_id_fields = ("parent",)

    list_display = ("path", "name", "parent")
    list_select_related = ("parent",)
    search_fields = ("name", "path")

    def get_readonly_fields(self, _request: HttpRequest, category: Category | None = None) -> tuple[str, ...]:
        """Keep an existing category where it is."""
        return ("parent", "slug", "path", "depth") if category else ("slug", "path", "depth")


class AttributeChoiceInline(admin.TabularInline[AttributeChoice, Attribute]):
    """The values that a choice attribute may take."""

    model = AttributeChoice
    extra = 1


@admin.register(Attribute)
class AttributeAdmin(admin.ModelAdmin[Attribute]):
    """Typed properties and the categories that have them."""

    list_display = ("name", "code", "kind", "unit")
    list_filter = ("kind",)
    search_fields = ("name", "code")
    filter_horizontal = ("categories",)
    inlines: ClassVar = [AttributeChoiceInline]

    def get_readonly_fields(self, _request: HttpRequest, attribute: Attribute | None = None) -> tuple[str, ...]:
        """Keep code and kind once values may exist: they say in which column these are."""
        return ("code", "kind") if attribute else ()


@admin.register(ImportRun)
class ImportRunAdmin(admin.ModelAdmin[ImportRun]):
    """Imports, to look at."""

    list_display = ("source", "seller", "total", "created_at")
    list_select_related = ("seller",)
    search_fields = ("source",)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """An import is started from the command line."""
        return False

    def has_change_permission(self, _request: HttpRequest, _run: ImportRun | None = None) -> bool:
        """What was imported stays as it was."""
        return False


@admin.register(ImportRow)
class ImportRowAdmin(admin.ModelAdmin[ImportRow]):
    """Records of imports and what became of them, to look at."""

    list_display = ("key", "run", "state", "reason")
    list_filter = ("state",)
    list_select_related = ("run",)
    search_fields = ("key",)
    raw_id_fields = ("listing",)
    show_full_result_count = False

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Records come from their source."""
        return False

    def has_change_permission(self, _request: HttpRequest, _row: ImportRow | None = None) -> bool:
        """What became of a record stays as it was."""
        return False
