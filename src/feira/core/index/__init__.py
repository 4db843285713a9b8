"""Indexes: searchable embeddings of one encoder."""
