"""Measures of retrieval, each with its definition."""
