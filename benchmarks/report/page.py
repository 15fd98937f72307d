"""Figures in a page: written between two marks, from the results alone."""

from pathlib import Path

from benchmarks.case import Case
from benchmarks.peers import PEERS
from benchmarks.report.charts import make_charts
from benchmarks.report.tables import make_goals_table, make_tables
from benchmarks.results import Results

BEGIN = "<!-- figures: written by make bench, do not edit -->"
END = "<!-- end of figures -->"
_CHARTS = "../benchmarks/results"


def update_page(path: Path, figures: str, mark: str = BEGIN) -> None:
    """Write the figures into a page."""
    path.write_text(fill_page(path.read_text("utf-8"), figures, mark), "utf-8")


def fill_page(text: str, figures: str, mark: str = BEGIN) -> str:
    """Return the text of a page with the figures between the marks. Raises ValueError."""
    before, begin, rest = text.partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page has no {mark} and {END}")
    return f"{before}{mark}\n\n{figures}\n\n{END}{after}"


def make_figures(cases: dict[str, Case], results: Results) -> str:
    """Return goals, tables and charts as Markdown, for docs/benchmarks.md."""
    if not results.document["cases"]:
        return "No results yet: `make bench` writes them here."
    parts = [_describe_machine(results)]
    if goals := results.document["goals"]:
        parts += ["### Goals", make_goals_table(goals).to_markdown()]
    for name, case in cases.items():
        tables = list(make_tables(case, name, results))
        if not tables:
            continue
        parts += [f"### {case.title}", f"`CASE={name}`: {case.description}"]
        for table in tables:
            parts += [f"{table.unit}:", table.to_markdown()]
        parts += [
            f"![{case.title}]({_CHARTS}/{file})" for file, _ in make_charts(name, case, results)
        ]
    parts += ["### Versions", _make_versions(results)]
    if failures := results.document["failures"]:
        parts += ["### Not measured"]
        parts += [
            "\n".join(
                f"- {failure['case']}, {failure['variant']}, {PEERS[failure['peer']].title}: "
                f"{failure['reason']}"
                for failure in failures
            )
        ]
    return "\n\n".join(parts)


def _describe_machine(results: Results) -> str:
    machine = results.document["machine"]
    return (
        f"Measured on {machine['date']}: {machine['cores']} cores of {machine['processor']}, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}, "
        f"Redis {machine['redis']}."
    )


def _make_versions(results: Results) -> str:
    lines = [
        f"| {PEERS[peer].title} | {', '.join(f'{name} {v}' for name, v in versions.items())} |"
        for peer, versions in results.document["versions"].items()
    ]
    return "\n".join(["| peer | versions |", "| --- | --- |", *lines])
