"""Catalogues that can be made or read without the shop."""
