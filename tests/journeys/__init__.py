"""Whole stories told in a real browser against a running shop."""
