"""Who is here: accounts, the sellers they are, and their API tokens."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _


class AccountManager(BaseUserManager["Account"]):
    """Makes accounts; an address is kept as it was typed and compared without regard to case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "Account":
        """Make an account; without a password it cannot sign in until one is set."""
        account = self.model(email=self.normalize_email(email), **fields)
        account.set_password(password)
        account.save(using=self._db)
        return account

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "Account":
        """Make an account that may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "Account":
        """Find an account by address, whatever its case."""
        return self.get(email__iexact=username)


class Account(AbstractBaseUser, PermissionsMixin):
    """Somebody who can sign in."""

    class Taste(models.TextChoices):
        """Whether something is recommended to somebody by their taste: not so far, yes, or not wanted by them.

        What is recommended is kept elsewhere and derived. It is told here, because a page knows the account already
        and so need not look for what is not there.
        """

        NONE = "none", "Nothing so far"
        KEPT = "kept", "Kept"
        OFF = "off", "Not wanted"

    email = models.EmailField("email address", max_length=254)
    display_name = models.CharField("name shown to others", max_length=60, blank=True)
    is_staff = models.BooleanField("may use the staff pages", default=False)
    is_active = models.BooleanField("may sign in", default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    taste = models.CharField(
        "recommendations by taste", max_length=4, choices=Taste.choices, default=Taste.NONE, db_default=Taste.NONE
    )
    taste_since = models.DateTimeField("what they liked before does not count", null=True, blank=True)

    objects: ClassVar[AccountManager] = AccountManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="account_email_is_unique_whatever_its_case")
        ]

    def __str__(self) -> str:
        return self.display_name or self.email

    def get_full_name(self) -> str:
        """Return the name shown to others, never the address."""
        return self.display_name or _("Member %(number)s") % {"number": self.pk}

    def get_short_name(self) -> str:
        """Return the name shown to others."""
        return self.get_full_name()


class Seller(models.Model):
    """A person or shop that offers listings; imported sellers have no account until somebody claims them."""

    account = models.OneToOneField(Account, null=True, blank=True, on_delete=models.SET_NULL, related_name="seller")
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=90, unique=True)
    about = models.TextField(blank=True)
    location = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class ApiToken(models.Model):
    """A secret that lets a program act as an account; only its digest is kept."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField("first characters", max_length=12, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
