"""Feira: a self-hosted marketplace that understands its own pictures."""

__version__ = "0.1.0"
