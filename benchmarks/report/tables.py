"""The tables, for the terminal and for the page: medians, spreads and ratios."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.case import Case, Metric, Variant
from benchmarks.goals import OURS
from benchmarks.peers import PEERS
from benchmarks.results import Figure, Results


@dataclass(frozen=True)
class Table:
    """A heading, columns and rows of text; the first column names the peers."""

    title: str
    unit: str
    """What the figures are."""
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_text(self) -> str:
        """Return it for a terminal."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[number]) for line in lines) for number in range(len(self.columns))]
        text = [
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([f"\n== {self.title}: {self.unit}", self.note, *text])

    def to_markdown(self) -> str:
        """Return it for the page."""
        alignment = ["---", *("---:" for _ in self.columns[1:])]
        lines = [self.columns, alignment, *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def make_tables(case: Case, name: str, results: Results) -> Iterator[Table]:
    """Yield a table per metric of a case, as far as it was measured."""
    for metric in case.metrics:
        variants = [
            variant
            for variant in case.variants
            if any(results.get(name, variant.label, peer, metric.key) for peer in PEERS)
        ]
        if not variants or (metric.unit == "%" and _is_all_delivered(name, variants, results)):
            continue
        better = "less" if metric.less_is_better else "more"
        unit = f"{metric.unit}, " if metric.unit else ""
        yield Table(
            title=f"{name}: {case.title}",
            unit=f"{metric.title} ({unit}{better} is better)",
            note=case.description,
            columns=("peer", *_get_columns(case, variants)),
            rows=tuple(_make_rows(name, variants, metric, results)),
        )


def _get_columns(case: Case, variants: list[Variant]) -> Iterator[str]:
    for variant in variants:
        yield "median" if len(case.variants) == 1 else variant.label
        yield "min to max"
        yield "to ours"


def _make_rows(
    name: str, variants: list[Variant], metric: Metric, results: Results
) -> Iterator[tuple[str, ...]]:
    for peer in PEERS.values():
        cells: list[str] = []
        for variant in variants:
            figure = results.get(name, variant.label, peer.name, metric.key)
            ours = results.get(name, variant.label, OURS, metric.key)
            cells += _make_cells(figure, ours, metric)
        if any(cells):
            yield (peer.title, *cells)


def _make_cells(figure: Figure | None, ours: Figure | None, metric: Metric) -> list[str]:
    if figure is None:
        return ["", "", ""]
    scale = 100 if metric.unit == "%" else 1
    median, low, high = (
        format_number(value * scale) for value in (figure.median, figure.low, figure.high)
    )
    ratio = ""
    if ours and ours.median and figure.median and metric.unit != "%":
        times = figure.median / ours.median
        ratio = f"{format_number(times if metric.less_is_better else 1 / times)}x"
    return [median, f"{low} to {high}" if figure.rounds > 1 else "", ratio]


def _is_all_delivered(name: str, variants: list[Variant], results: Results) -> bool:
    figures = [
        results.get(name, variant.label, peer, "delivered")
        for variant in variants
        for peer in PEERS
    ]
    return all(figure.low == 1 for figure in figures if figure)


def format_number(value: float) -> str:
    """Return a number with three significant digits, and separators for thousands."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def make_goals_table(goals: list[dict[str, Any]]) -> Table:
    """Return the goals with what was measured."""
    rows = tuple(
        (
            str(goal["goal"]),
            str(goal["bound"]),
            f"{goal['measured']} {goal['unit']}".strip(),
            "reached" if goal["reached"] else "missed",
        )
        for goal in goals
    )
    return Table("Goals", "ratios of medians", "", ("goal", "bound", "measured", ""), rows)
