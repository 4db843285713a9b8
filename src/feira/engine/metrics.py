"""What an engine tells Prometheus about itself."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """Counters of one engine, in a registry of their own so that several engines can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "feira_engine_requests", "Requests answered.", ["path", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "feira_engine_request_seconds",
            "Time from a request's first byte to its answer.",
            ["path"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.batch_size = Histogram(
            "feira_engine_batch_size",
            "Photos per call of the encoder.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.encode_seconds = Histogram(
            "feira_engine_encode_seconds",
            "Time in the encoder for one batch.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.decode_seconds = Histogram(
            "feira_engine_decode_seconds",
            "Time spent decoding the photos of one batch.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.encoded = Counter("feira_engine_photos_encoded", "Photos encoded.", registry=self.registry)
        self.remembered = Counter(
            "feira_engine_photos_remembered",
            "Photos whose embedding was still known from an earlier request.",
            registry=self.registry,
        )

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a gauge that asks `value` whenever it is read."""
        Gauge(f"feira_engine_{name}", text, registry=self.registry).set_function(value)

    def page(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self.registry)
