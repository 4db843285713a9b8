"""The features of listings as answers to a query, for those who learn how much each should count."""

from collections.abc import Sequence
from dataclasses import replace

import structlog
from django.contrib.auth.models import AnonymousUser

from feira.core.errors import EngineUnavailable, FeiraError
from feira.core.recommend.ranking import FeatureMatrix
from feira.shop.search.asking import ByLooks, Nearest, asked_of, evidence_for, looks_for
from feira.shop.search.evidence import features_from
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import Searcher, examples_visible_to, query_photo
from feira.shop.search.similarity import similarity

# Training sees public photos only: an upload stays with who sent it.
TRAINER = Searcher(AnonymousUser())

log = structlog.get_logger(__name__)


def features_of(query: SearchQuery, listing_ids: Sequence[int]) -> FeatureMatrix:
    """Return the features that these listings have as answers to a query, shape (n, 7), float32.

    For training: only public photos are used, and nothing that people said about the query counts, neither as
    `feedback` (0 for all) nor by moving what pictures are compared with: that is what is to be learned.

    Raises:
        PhotoNotFound: the query's photo is gone, or not public.
        EngineUnavailable: pictures cannot be compared now; weights learned without them would be wrong.
    """
    examples = examples_visible_to(TRAINER, (*query.like, *query.unlike))
    asked = replace(asked_of(query, query_photo(query, TRAINER), examples), said={})
    by_looks: ByLooks | None = None
    try:
        looks = looks_for(asked)
        if looks is not None:
            by_looks = ByLooks(Nearest(looks, [], []), list(listing_ids), similarity(looks, listing_ids))
    except EngineUnavailable:
        raise
    except FeiraError as error:
        log.warning("features_without_looks", reason=error.message)
    return features_from(evidence_for(asked, by_looks), listing_ids)
