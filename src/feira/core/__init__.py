"""The pure library: pictures, embeddings, indexes and measures, without a web framework or settings."""
