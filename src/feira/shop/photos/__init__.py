"""Photos: bytes kept under their digest, renditions, embeddings, and the log that indexes follow."""
