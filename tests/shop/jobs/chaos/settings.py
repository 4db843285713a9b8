"""Django's settings for the processes of the system tests: the app of jobs and little else, so that they start fast."""

import django_stubs_ext

from feira.settings import load_settings
from feira.shop.config.databases import database_config

django_stubs_ext.monkeypatch()

SECRET_KEY = "only for the processes of these tests, which serve nothing"
INSTALLED_APPS = ["feira.shop.jobs", "tests.shop.jobs.chaos"]
DATABASES = {"default": database_config(load_settings().resolved_database_url())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
