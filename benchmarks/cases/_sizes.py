"""What the broadcast cases share."""

from benchmarks.case import Metric, Variant
from benchmarks.wire import AppOptions, Layer

SIZES = (10, 100, 1_000, 10_000)
METRICS = (
    Metric("us_per_delivery", "time per delivery", "µs"),
    Metric("delivered", "share delivered", "%", less_is_better=False),
)


# Seconds per measurement, and their deliveries are those of Channels.
ONCE = ("dcrf", "chanx-0.5.0", "chanx-original")


def make_variants(layer: Layer, largest: tuple[str, ...]) -> tuple[Variant, ...]:
    """Return a variant per size; ``largest``: the peers that can do ten thousand in time."""
    return tuple(
        Variant(
            f"{size:,}",
            {"members": size, "seconds": 0.5},
            AppOptions(mode="room", layer=layer),
            size=size,
            quick={"seconds": 0.1, "least": 1} if size == 100 else None,
            peers=largest if size == SIZES[-1] else None,
            rounds=4 if size == 1_000 else 2,
            rounds_of=dict.fromkeys(ONCE if size < SIZES[-1] else ("channels",), 1),
        )
        for size in SIZES
    )
