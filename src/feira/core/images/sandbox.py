"""Untrusted photos are decoded in a process of their own, which may be killed without harm."""

from feira.core.errors import InvalidImage
from feira.core.images.child import ReadingChild, SandboxUnavailableError
from feira.core.images.limits import IntakeLimits
from feira.core.images.prepared import PreparedPhoto
from feira.core.images.wire import MAX_ANSWER_BYTES, unpack_answer

__all__ = ["PhotoSandbox", "SandboxUnavailableError"]


class PhotoSandbox(ReadingChild):
    """Prepares photos in a child process with limits on time and memory.

    One child serves one photo at a time and is kept for the next; it is started when first needed, replaced when it
    dies or has to be killed, and never shared with a forked process. Safe to call from several threads, which queue.
    """

    def __init__(self, limits: IntakeLimits | None = None) -> None:
        super().__init__("feira.core.images.sandbox_child", limits or IntakeLimits(), max_answer_bytes=MAX_ANSWER_BYTES)

    def prepare(self, content: bytes) -> PreparedPhoto:
        """Return the photo ready to be stored; takes at most `limits.timeout_s` once it is this photo's turn.

        Raises:
            InvalidImage: the bytes are no photo we can take; `reason` also is took_too_long, too_much_memory, or
                damaged when the decoder crashed.
            SandboxUnavailableError: the decoding process does not start.
        """
        if len(content) > self._limits.max_bytes:  # not worth the way through the pipe
            raise InvalidImage(
                f"This file is {len(content) / 1e6:.1f} MB; we take up to {self._limits.max_bytes / 1e6:g} MB. "
                "Save the photo smaller and try again.",
                reason="too_large_bytes",
                max_bytes=self._limits.max_bytes,
            )
        return self.ask(content, lambda answer: unpack_answer(answer, content))
