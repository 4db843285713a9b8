"""Django's settings, derived from `feira.settings`: nothing here reads the environment itself."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import django_stubs_ext
from csp.constants import NONE, SELF

import feira.frontend
from feira import __version__
from feira.settings import load_settings
from feira.shop.config.databases import database_config

# Lets generic Django classes be written as `ModelAdmin[Account]` at run time, as their stubs have them.
django_stubs_ext.monkeypatch()

SHOP = load_settings()
FRONTEND = Path(feira.frontend.__file__).parent
PUBLIC = urlsplit(SHOP.public_url)
SECURE = PUBLIC.scheme == "https"

SECRET_KEY = SHOP.resolved_secret_key()
DEBUG = SHOP.debug
ALLOWED_HOSTS = SHOP.hosts()
CSRF_TRUSTED_ORIGINS = [f"{PUBLIC.scheme}://{PUBLIC.netloc}"]
ROOT_URLCONF = "feira.shop.config.urls"
WSGI_APPLICATION = "feira.shop.config.wsgi.application"

INSTALLED_APPS = [
    "feira.shop.web",
    "feira.shop.jobs",
    "feira.shop.accounts",
    "feira.shop.photos",
    "feira.shop.listings",
    "feira.shop.learning",
    "feira.shop.feedback",
    "feira.shop.search",
    "feira.shop.feed",
    "feira.shop.datasets",
    "feira.shop.storefront",
    "feira.shop.insight",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "feira.shop.web.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "feira.shop.web.middleware.BodyLimitMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "feira.shop.web.middleware.ProblemMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [FRONTEND / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "feira.shop.web.context.site",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static"],
        },
    }
]

DATABASES = {"default": database_config(SHOP.resolved_database_url())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People
AUTH_USER_MODEL = "accounts.Account"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
] + [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}}]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "storefront:home"
LOGOUT_REDIRECT_URL = "storefront:home"
ACCOUNT_ADAPTER = "feira.shop.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "feira.shop.accounts.signup.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_TRUSTED_PROXY_COUNT = SHOP.trusted_proxies

# Sessions and browsers
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "feira_session"
LANGUAGE_COOKIE_NAME = "feira_language"
LANGUAGE_COOKIE_SECURE = SECURE
LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "feira_csrf"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_SSL_REDIRECT = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000

# Static files: served by the web process itself. Once collected (`feira up` does it) they are compressed and named by
# their content, so that browsers may keep them for ever; before that they are found where they lie.
STATIC_URL = "/static/"
STATIC_ROOT = SHOP.data_dir.resolve() / "static"
STATICFILES_DIRS = [FRONTEND / "static"]
COLLECTED = not DEBUG and (STATIC_ROOT / "staticfiles.json").exists()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not COLLECTED
WHITENOISE_AUTOREFRESH = DEBUG

# Languages and time
LANGUAGE_CODE = SHOP.language
LOCALE_PATHS = [FRONTEND / "locale"]
LANGUAGES = [("en", "English"), ("pt", "Português")]
TIME_ZONE = SHOP.time_zone
USE_TZ = True
FORMAT_MODULE_PATH = None

# Mail
EMAIL = urlsplit(SHOP.email_url)
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if EMAIL.scheme == "smtp"
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = EMAIL.hostname or "localhost"
EMAIL_PORT = EMAIL.port or 25
EMAIL_HOST_USER = unquote(EMAIL.username or "")
EMAIL_HOST_PASSWORD = unquote(EMAIL.password or "")
EMAIL_USE_TLS = dict(parse_qsl(EMAIL.query)).get("tls") == "1"
DEFAULT_FROM_EMAIL = SHOP.email_from

# The API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "feira.shop.accounts.authentication.BearerTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["feira.shop.web.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["feira.shop.web.parsers.BoundedJsonParser"],
    "DEFAULT_SCHEMA_CLASS": "feira.shop.config.schema.ProblemAwareSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": "300/min",
        "user": "1200/min",
        "uploads": "120/min",
        "tokens": "10/min",
        "feedback": "60/min",
        "clicks": "240/min",
    },
    "NUM_PROXIES": SHOP.trusted_proxies,
    "EXCEPTION_HANDLER": "feira.shop.web.problems.api_exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Feira API",
    "DESCRIPTION": "A marketplace that understands its own pictures.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AttributeKindEnum": "feira.shop.listings.models.Attribute.Kind",
        "ConditionEnum": "feira.shop.listings.models.Listing.Condition",
        "ColourEnum": "feira.shop.listings.tags.COLOURS",
        "DatasetStateEnum": "feira.shop.datasets.selectors.STATES",
        "SnapshotStateEnum": "feira.shop.datasets.models.Snapshot.State",
        "ListingStateEnum": "feira.shop.listings.models.Listing.State",
        "JobStateEnum": "feira.shop.jobs.models.State",
        "JobItemStateEnum": "feira.shop.jobs.models.ItemState",
    },
}

# An address is unique whatever its case, by a constraint that the check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
LOGGING_CONFIG = None  # feira.shop.web.logs configures structlog when a process starts
