"""What an engine tells Prometheus about itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
PER_ENCODER = ["encoder", "of"]


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
            "Photos or texts per call of the encoder.",
            PER_ENCODER,
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.encode_seconds = Histogram(
            "feira_engine_encode_seconds",
            "Time in the encoder for one batch.",
            PER_ENCODER,
            buckets=SECONDS,
            registry=self.registry,
        )
        self.decode_seconds = Histogram(
            "feira_engine_decode_seconds",
            "Time spent decoding the photos of one batch.",
            PER_ENCODER,
            buckets=SECONDS,
            registry=self.registry,
        )
        self.encoded = Counter("feira_engine_encoded", "Photos and texts encoded.", PER_ENCODER, registry=self.registry)
        self.remembered = Counter(
            "feira_engine_remembered",
            "Photos and texts whose embedding was still known from an earlier request.",
            PER_ENCODER,
            registry=self.registry,
        )

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a gauge that asks `value` whenever it is read."""
        Gauge(f"feira_engine_{name}", text, registry=self.registry).set_function(value)

    def watch_each(self, name: str, text: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Add a gauge with one value per encoder that asks `values` (encoder id → value) whenever it is read."""
        self.registry.register(_PerEncoder(f"feira_engine_{name}", text, values))

    def page(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self.registry)


class EncodingMetrics:
    """The counters of one encoder's photos, or of its texts."""

    def __init__(self, metrics: Metrics, *, encoder: str, of: str) -> None:
        labels = (encoder, of)
        self.batch_size = metrics.batch_size.labels(*labels)
        self.encode_seconds = metrics.encode_seconds.labels(*labels)
        self.decode_seconds = metrics.decode_seconds.labels(*labels)
        self.encoded = metrics.encoded.labels(*labels)
        self.remembered = metrics.remembered.labels(*labels)


class _PerEncoder:
    """A gauge whose labels come and go with the encoders."""

    def __init__(self, name: str, text: str, values: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._values = name, text, values

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name the gauge without asking for its values."""
        return [GaugeMetricFamily(self._name, self._text, labels=["encoder"])]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Ask for the values."""
        family = GaugeMetricFamily(self._name, self._text, labels=["encoder"])
        for encoder_id, value in self._values().items():
            family.add_metric([encoder_id], float(value))
        yield family
