"""Small tools over the API that have nothing to do with the catalogue."""
