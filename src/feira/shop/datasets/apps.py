"""The app `datasets`."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Reproducible data sets of the catalogue, for who trains models on it."""

    name = "feira.shop.datasets"
    label = "datasets"
