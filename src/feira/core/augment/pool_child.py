"""The process in which photos are rendered for export: reads requests from its input, answers on its output.

Started by `RenderPool` as `python -m feira.core.augment.pool_child`, with the limits as JSON in its only argument. It
ends when its input is closed.
"""

from feira.core.augment.pool_wire import pack_rendered, unpack_request
from feira.core.augment.render import Source
from feira.core.images.limits import IntakeLimits
from feira.core.images.serving import limits_from_arguments, serve


class _Renderer:
    """Remembers the last photo: its variants are asked for one after another."""

    def __init__(self, limits: IntakeLimits) -> None:
        self._limits = limits
        self._source: Source | None = None

    def answer(self, request: bytes) -> bytes:
        wanted, content = unpack_request(request)
        if content is not None:
            self._source = Source(content, self._limits)
        if self._source is None:
            return pack_rendered(None, (0, 0))
        if wanted.recipe is None or wanted.number == 0:
            rendered = self._source.photo(wanted.rule)
        else:
            rendered = self._source.variant(wanted.rule, wanted.recipe, key=wanted.key, variant=wanted.number)
        return pack_rendered(rendered, self._source.size)


def main() -> None:
    """Answer one request after another until the parent hangs up."""
    limits = limits_from_arguments()
    serve(limits, _Renderer(limits).answer)


if __name__ == "__main__":
    main()
