"""What feedback is worth on a real catalogue: queries of colour and kind, answered by pictures, judged by chance."""

from collections.abc import Sequence

import numpy as np

from feira.core.evaluation.attributes import attribute_queries
from feira.core.evaluation.catalogues import Product
from feira.core.evaluation.feedback import Answered, burst, simulate_feedback
from feira.core.evaluation.words import Measure, Reads
from feira.core.types import Matrix

QUERIES = 20


def measure_feedback(products: Sequence[Product], images: Matrix, read: Reads, *, seed: int = 0) -> list[Measure]:
    """Return nDCG@10 on held-out judgements after some numbers of judgements, and what a burst of votes moves.

    The `QUERIES` with most right answers are asked; scores are the cosines of the pictures, brought to 0 to 1 for each
    query. One in ten judgements is wrong, among those that count as among those that are held out.
    """
    wanted = sorted(attribute_queries(products).items(), key=lambda query: (-len(query[1]), query[0]))[:QUERIES]
    if not wanted:
        return []
    cosines = read([text for text, _right in wanted]) @ images.T
    low, high = cosines.min(axis=1, keepdims=True), cosines.max(axis=1, keepdims=True)
    places = np.arange(len(products), dtype=np.int64)
    queries = [
        Answered(places, scores, frozenset(right))
        for scores, (_text, right) in zip((cosines - low) / np.maximum(high - low, 1e-9), wanted, strict=True)
    ]
    steps = [
        Measure("feedback", f"after {step.judgements} judgements", "nDCG@10", step.ndcg, len(queries))
        for step in simulate_feedback(queries, seed=seed)
    ]
    target = int(np.argmax(queries[0].scores))
    for by in ("account", "address"):
        one, many = burst(queries[0], votes=500, target=target, by=by)
        steps.append(Measure("feedback", f"500 votes from one {by} over one vote", "moved", many / one, 1))
    return steps
