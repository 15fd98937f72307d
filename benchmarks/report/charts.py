"""Charts as SVG, readable on light and on dark pages."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.case import Case, Metric
from benchmarks.goals import OURS
from benchmarks.peers import PEERS
from benchmarks.report.tables import format_number
from benchmarks.results import Figure, Results

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.small { font-size: 11px; fill: #57606a }
.grid { stroke: #8c959f; stroke-opacity: .3 }
.bar { fill: #8c959f }
.ours { fill: #1a7f64 }
.spread { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.small { fill: #9198a1 }
.ours { fill: #3fb68b }
.spread { stroke: #e6edf3 }
}
"""
_WIDTH = 720
_LABELS = 210
# In the order of the peers; ours comes last and stands out.
_COLOURS = ("#8c959f", "#d29922", "#a371f7", "#4493f8", "#db61a2", "#e5705c", "#c0492f", "#2da77f")


@dataclass(frozen=True)
class _Series:
    name: str
    colour: str
    points: list[tuple[float, float]]


def make_charts(name: str, case: Case, results: Results) -> Iterator[tuple[str, str]]:
    """Yield the file names and the contents of a case's charts."""
    metric = case.metrics[0]
    if case.chart == "bars":
        for number, variant in enumerate(case.variants):
            figures = {
                peer: figure
                for peer in PEERS
                if (figure := results.get(name, variant.label, peer, metric.key))
            }
            if figures:
                only = len(case.variants) == 1
                title = case.title if only else f"{case.title}: {variant.label}"
                suffix = "" if only else f"-{number + 1}"
                yield f"{name}{suffix}.svg", make_bars(title, metric, figures)
    if case.chart == "growth":
        series = list(_get_series(name, case, metric, results))
        if series:
            yield f"{name}.svg", make_lines(case.title, metric, case.axis, series)
    if case.growth:
        series = list(_get_grown_series(name, case, results))
        if series:
            yield f"{name}-growth.svg", make_lines(case.title, case.growth, case.axis, series)


def _get_series(name: str, case: Case, metric: Metric, results: Results) -> Iterator[_Series]:
    for (peer, described), colour in zip(PEERS.items(), _COLOURS, strict=True):
        points = [
            (float(variant.size), figure.median)
            for variant in case.variants
            if variant.size and (figure := results.get(name, variant.label, peer, metric.key))
        ]
        if points:
            yield _Series(described.title, colour, points)


def _get_grown_series(name: str, case: Case, results: Results) -> Iterator[_Series]:
    """Yield lines from metrics whose names end in a size, such as ``mib_1000``."""
    assert case.growth
    for (peer, described), colour in zip(PEERS.items(), _COLOURS, strict=True):
        for variant in case.variants:
            prefix = f"{case.growth.key}_"
            points = [
                (float(key.removeprefix(prefix)), figure.median)
                for key in results.get_samples(name, variant.label, peer)
                if key.startswith(prefix)
                and (figure := results.get(name, variant.label, peer, key))
            ]
            if points:
                yield _Series(described.title, colour, points)


def make_bars(title: str, metric: Metric, figures: dict[str, Figure]) -> str:
    """Return a chart with a bar per peer, from zero, with the range of the rounds."""
    scale = 100 if metric.unit == "%" else 1
    largest = max(figure.high for figure in figures.values()) * scale or 1
    width = _WIDTH - _LABELS - 150
    ours = figures.get(OURS)
    parts = []
    for number, (peer, figure) in enumerate(figures.items()):
        y = 64 + number * 28
        median, low, high = (value * scale for value in (figure.median, figure.low, figure.high))
        length = max(median / largest * width, 1)
        note = f"{format_number(median)} {metric.unit}".strip()
        if ours and peer != OURS and metric.unit != "%" and median and ours.median:
            times = median / ours.median
            note += f"  ({format_number(times if metric.less_is_better else 1 / times)}x)"
        start, end = (_LABELS + value / largest * width for value in (low, high))
        parts += [
            f'<text x="{_LABELS - 10}" y="{y + 14}" text-anchor="end">'
            f"{escape(PEERS[peer].title)}</text>",
            f'<rect class="{"ours" if peer == OURS else "bar"}" x="{_LABELS}" y="{y}" '
            f'width="{length:.1f}" height="18" rx="2"/>',
            f'<path class="spread" d="M{start:.1f} {y + 9}H{end:.1f}"/>',
            f'<text x="{max(_LABELS + length, end) + 8:.1f}" y="{y + 14}">{escape(note)}</text>',
        ]
    better = "less is better" if metric.less_is_better else "more is better"
    unit = f", {metric.unit}" if metric.unit else ""
    times_note = "; in brackets: how many times worse than ours" if ours else ""
    subtitle = f"{metric.title}{unit}; {better}{times_note}"
    return _frame(title, subtitle, 64 + len(figures) * 28 + 8, parts)


def make_lines(title: str, metric: Metric, axis: str, series: list[_Series]) -> str:
    """Return a chart with a line per peer, both axes logarithmic."""
    left, right, top, bottom = 70, _WIDTH - 236, 64, 330
    horizontal = _make_scale([x for line in series for x, _ in line.points], left, right)
    vertical = _make_scale([y for line in series for _, y in line.points], bottom, top)
    parts: list[str] = []
    for value, y in vertical.ticks:
        parts += [
            f'<path class="grid" d="M{left} {y:.1f}H{right}"/>',
            f'<text class="small" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{_format_tick(value)}</text>",
        ]
    for value, x in horizontal.ticks:
        parts += [
            f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/>',
            f'<text class="small" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
            f"{_format_tick(value)}</text>",
        ]
    middle = (left + right) / 2
    parts.append(
        f'<text class="small" x="{middle}" y="{bottom + 38}" text-anchor="middle">'
        f"{escape(axis)}</text>"
    )
    ends = _spread_out([vertical.place(line.points[-1][1]) for line in series], 18)
    for line, end in zip(series, ends, strict=True):
        placed = [(horizontal.place(x), vertical.place(y)) for x, y in line.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        width = 3.5 if line.name == PEERS[OURS].title else 2
        parts.append(
            f'<path fill="none" stroke="{line.colour}" stroke-width="{width}" d="M{path}"/>'
        )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{line.colour}"/>' for x, y in placed
        ]
        last_x, last_y = placed[-1]
        parts += [
            f'<path stroke="{line.colour}" stroke-opacity=".5" stroke-dasharray="2 3" '
            f'd="M{last_x + 5:.1f} {last_y:.1f}L{right + 12} {end:.1f}"/>',
            f'<circle cx="{right + 18}" cy="{end:.1f}" r="4" fill="{line.colour}"/>',
            f'<text x="{right + 28}" y="{end + 4.5:.1f}">{escape(line.name)}</text>',
        ]
    better = "less is better" if metric.less_is_better else "more is better"
    subtitle = f"{metric.title}, {metric.unit}; {better}; both axes logarithmic"
    return _frame(title, subtitle, bottom + 50, parts)


def _frame(title: str, subtitle: str, height: int, parts: list[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">',
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="12" y="24">{escape(title)}</text>',
            f'<text class="small" x="12" y="44">{escape(subtitle)}</text>',
            *parts,
            "</svg>\n",
        ]
    )


@dataclass(frozen=True)
class _Scale:
    place: Callable[[float], float]
    ticks: list[tuple[float, float]]


def _make_scale(values: list[float], start: float, end: float) -> _Scale:
    """Return where values stand on a logarithmic axis, with a tick at each power of ten."""
    logarithms = [math.log10(max(value, 1e-6)) for value in values]
    low, high = min(logarithms), max(logarithms)
    if high - low < 1:
        low, high = math.floor(low), math.floor(low) + max(1, math.ceil(high - math.floor(low)))
    margin = (high - low) * 0.04

    def place(value: float) -> float:
        share = (math.log10(max(value, 1e-6)) - low + margin) / (high - low + 2 * margin)
        return start + share * (end - start)

    powers = range(math.ceil(low - margin), math.floor(high + margin) + 1)
    return _Scale(place, [(10.0**power, place(10.0**power)) for power in powers])


def _spread_out(places: list[float], distance: float) -> list[float]:
    """Move labels apart that would stand on one another."""
    order = sorted(range(len(places)), key=lambda number: places[number])
    moved = list(places)
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + distance)
    return moved


def _format_tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
