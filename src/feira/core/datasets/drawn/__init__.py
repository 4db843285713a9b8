"""A catalogue that Feira draws itself: photos, words and prices from a seed, with attributes known for certain."""

from feira.core.datasets.drawn.catalogue import DrawnListing, draw_catalogue, draw_listing
from feira.core.datasets.drawn.plan import DrawPlan, KindPlan

__all__ = ["DrawPlan", "DrawnListing", "KindPlan", "draw_catalogue", "draw_listing"]
