"""How the shop is put together: Django's settings, the URL table and the WSGI application."""
