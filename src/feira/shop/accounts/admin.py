"""People in Django's admin, for staff."""

from django.contrib import admin

from feira.shop.accounts.models import Account, ApiToken, Seller


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin[Account]):
    """Accounts: rights and whether they may sign in; passwords are reset by mail."""

    list_display = ("email", "display_name", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "display_name")
    fields = ("email", "display_name", "is_active", "is_staff", "is_superuser", "groups", "user_permissions")
    filter_horizontal = ("groups", "user_permissions")


@admin.register(Seller)
class SellerAdmin(admin.ModelAdmin[Seller]):
    """Sellers and whose they are."""

    list_display = ("name", "account", "location", "created_at")
    search_fields = ("name", "slug", "account__email")
    raw_id_fields = ("account",)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """Tokens can be taken back here, never read."""

    list_display = ("name", "hint", "account", "created_at", "last_used_at")
    readonly_fields = ("account", "name", "hint", "created_at", "last_used_at")
