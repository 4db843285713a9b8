"""Django's settings for the processes of these measurements: the app of jobs and little else, to start fast."""

import django_stubs_ext

from feira.settings import load_settings
from feira.shop.config.databases import database_config

# As the shop's own settings do: some of its types name their contents.
django_stubs_ext.monkeypatch()
SECRET_KEY = "only for the processes of a benchmark, which serve nothing"  # noqa: S105 - nothing is signed with it
INSTALLED_APPS = ["feira.shop.jobs", "rig.work"]
DATABASES = {"default": database_config(load_settings().resolved_database_url())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
