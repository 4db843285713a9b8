"""The process in which untrusted photos are decoded: reads photos from its input, answers on its output, knows nothing.

Started by `PhotoSandbox` as `python -m feira.core.images.sandbox_child`, with the limits as JSON in its only argument.
It ends when its input is closed.
"""

from feira.core.images.prepared import prepare_photo
from feira.core.images.serving import limits_from_arguments, serve
from feira.core.images.wire import pack_prepared


def main() -> None:
    """Answer one photo after another until the parent hangs up."""
    limits = limits_from_arguments()
    serve(limits, lambda content: pack_prepared(prepare_photo(content, limits)))


if __name__ == "__main__":
    main()
