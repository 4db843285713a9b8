"""Finding listings by words, by a photo, or both."""
