"""The WSGI application that `feira web` serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "feira.shop.config.settings")

application = get_wsgi_application()
