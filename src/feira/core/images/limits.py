"""How much one uploaded photo may cost before it is refused."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Bounds of one upload; each is checked before the cost it bounds is paid.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width times height, as announced by the file's header and again by the decoder.
        timeout_s: wall-clock and processor seconds for decoding and renditions; enforced by `PhotoSandbox`.
        memory_bytes: address space of the decoding process; enforced by `PhotoSandbox` where the system can.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 50_000_000
    timeout_s: float = 10.0
    memory_bytes: int = 1_500_000_000
