"""What the broadcast cases share."""

from benchmarks.case import Metric, Variant
from benchmarks.wire import AppOptions, Layer

SIZES = (10, 100, 1_000, 10_000)
METRICS = (
    Metric("us_per_delivery", "time per delivery", "µs"),
    Metric("delivered", "share delivered", "%", less_is_better=False),
)


def make_variants(
    layer: Layer, largest: tuple[str, ...], rounds_of_largest: dict[str, int] | None = None
) -> tuple[Variant, ...]:
    """Return a variant per size; ``largest``: the peers that can do ten thousand in time."""
    return tuple(
        Variant(
            f"{size:,}",
            {"members": size, "seconds": 0.5},
            AppOptions(mode="room", layer=layer),
            size=size,
            quick={"seconds": 0.1, "least": 1} if size == 100 else None,
            peers=largest if size == SIZES[-1] else None,
            rounds=2 if size == SIZES[-1] else None,
            rounds_of=(rounds_of_largest or {}) if size == SIZES[-1] else {},
        )
        for size in SIZES
    )
