"""Conformance suites and tiny photos, for anyone who writes an encoder or an index."""
