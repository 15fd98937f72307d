"""The report of the benchmarks: figures, charts and the page in the docs come from the results."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.cases import get_cases
from benchmarks.faults import table as faults_table
from benchmarks.faults.cases import get_faults
from benchmarks.faults.peers import PEERS as FAULT_PEERS
from benchmarks.goals import evaluate_goals
from benchmarks.peers import PEERS
from benchmarks.report.charts import make_charts
from benchmarks.report.page import BEGIN, END, fill_page, make_figures
from benchmarks.report.summary import make_summary
from benchmarks.report.tables import make_tables
from benchmarks.results import Results
from benchmarks.runner import plan

ROOT = Path(__file__).resolve().parent.parent
PAGE = f"# Title\n\n{BEGIN}\nold\n{END}\n\nThe end.\n"


@pytest.fixture
def results() -> Results:
    """Three rounds of everything, in which Channels takes twenty times what the others take."""
    results = Results()
    for name, case in get_cases().items():
        for variant in case.variants:
            for peer in variant.peers or case.peers:
                for drift in (1.0, 1.1, 0.9):
                    time = drift * (200 if peer == "channels" else 10)
                    value = {True: time, False: 1e6 / time}
                    figures = {
                        metric.key: 1.0 if metric.unit == "%" else value[metric.less_is_better]
                        for metric in case.metrics
                    }
                    figures |= {"mib_1000": time, "mib_10000": time * 2} if case.growth else {}
                    results.add(name, variant.label, peer, figures)
    results.document["machine"] = dict.fromkeys(
        ("date", "cores", "processor", "memory_gib", "system", "python", "redis"), "some"
    )
    results.document["goals"] = evaluate_goals(results)
    return results


def test_each_round_begins_with_another_peer_and_asks_each_peer_once() -> None:
    case = get_cases()["live_echo"]
    jobs = plan({"live_echo": case}, list(PEERS), quick=False, rounds=2)
    rounds = [[job.peer for job in jobs[:8]], [job.peer for job in jobs[8:]]]
    assert [sorted(peers) for peers in rounds] == [sorted(PEERS)] * 2
    assert rounds[1] == [*rounds[0][1:], rounds[0][0]]


def test_a_smoke_run_has_one_round_of_what_is_quick() -> None:
    jobs = plan({"connect": get_cases()["connect"]}, list(PEERS), quick=True)
    assert {job.variant.label for job in jobs} == {"session"}
    assert len(jobs) == len({job.peer for job in jobs})


def test_a_figure_is_the_median_with_its_range(results: Results) -> None:
    figure = results.get("echo", "echo", "channels", "us")
    assert figure is not None
    assert (figure.low, figure.median, figure.high, figure.rounds) == (180, 200, 220, 3)
    assert results.get("echo", "echo", "nobody", "us") is None


def test_tables_tell_how_many_times_worse_than_ours(results: Results) -> None:
    for name in ("echo", "live_echo"):
        (table,) = make_tables(get_cases()[name], name, results)
        ratios = {row[0]: row[-1] for row in table.rows}
        assert ratios["Channels"] == "20.0x"
        assert ratios["this chanx"] == "1.00x"


def test_goals_compare_medians_and_leave_out_what_was_not_measured(results: Results) -> None:
    reached = {goal["goal"]: goal["reached"] for goal in results.document["goals"]}
    assert reached["echo in process, logs off: Channels' time, to ours"]
    assert not reached["broadcast to 1,000, in memory: Channels' time per delivery, to ours"]
    assert reached["broadcast to 1,000, in memory: delivered"]
    assert evaluate_goals(Results()) == []


def test_charts_are_well_formed_and_name_every_peer(results: Results) -> None:
    for name, case in get_cases().items():
        for file, content in make_charts(name, case, results):
            assert file.endswith(".svg")
            text = "".join(ElementTree.fromstring(content).itertext())
            assert "this chanx" in text, file
    assert list(make_charts("echo", get_cases()["echo"], Results())) == []


def test_the_page_keeps_its_text_and_gets_the_figures(results: Results) -> None:
    page = fill_page(PAGE, make_figures(get_cases(), results))
    assert page.startswith("# Title")
    assert page.endswith("The end.\n")
    assert "old" not in page
    assert "| Channels | 200 | 180 to 220 | 20.0x |" in page
    assert fill_page(page, make_figures(get_cases(), results)) == page
    with pytest.raises(ValueError, match="figures"):
        fill_page("no marks", "figures")


def test_the_summary_has_a_column_for_each_peer(results: Results) -> None:
    lines = make_summary(results).splitlines()
    (echo,) = (line for line in lines if line.startswith("| a message in"))
    assert echo.split(" | ")[4] == "200"  # Channels
    assert {line.count("|") for line in lines if line.startswith("|")} == {len(PEERS) + 2}
    charts = {
        file for name, case in get_cases().items() for file, _ in make_charts(name, case, results)
    }
    assert {line.rpartition("/")[2].rstrip(")") for line in lines if "](" in line} <= charts


def test_the_docs_and_the_readme_agree_with_the_last_results() -> None:
    latest = ROOT / "benchmarks" / "results" / "latest.json"
    results = Results.load(latest) if latest.exists() else Results()
    for path, figures in {
        "docs/benchmarks.md": make_figures(get_cases(), results),
        "README.md": make_summary(results),
    }.items():
        page = (ROOT / path).read_text("utf-8")
        assert fill_page(page, figures) == page


def make_fault_results(**outcomes: dict[str, Any]) -> dict[str, Any]:
    """Return results in which every peer did the same."""
    outcome = {"text": "1 of 1 alive", "is_good": True, "figures": {}} | outcomes.get("ours", {})
    return {
        "machine": dict.fromkeys(
            ("date", "cores", "processor", "memory_gib", "system", "python", "redis"), "some"
        ),
        "versions": {peer: {"uvicorn": "1"} for peer in FAULT_PEERS},
        "cases": {
            name: dict.fromkeys(fault.peers, outcome) for name, fault in get_faults().items()
        },
    }


def test_the_table_of_faults_has_a_row_for_each_case_and_a_column_for_each_peer() -> None:
    page = faults_table.make_page(make_fault_results())
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(get_faults())
    assert {row.count("|") for row in rows} == {len(FAULT_PEERS) + 3}
    assert "| bad JSON, empty frame, binary frame, array | ✓ | 1 of 1 alive | " in page


def test_the_table_of_faults_tells_broken_promises_of_ours_only() -> None:
    page = faults_table.make_page(make_fault_results(ours={"is_good": False}))
    assert "✓" not in page
    assert page.count("✗") == len(get_faults())
    assert faults_table.make_page({}).startswith("No results yet")


def test_the_page_of_faults_agrees_with_the_last_results() -> None:
    latest = ROOT / "benchmarks" / "results" / "faults.json"
    results = json.loads(latest.read_text("utf-8")) if latest.exists() else {}
    page = (ROOT / "docs" / "faults.md").read_text("utf-8")
    assert fill_page(page, faults_table.make_page(results), faults_table.BEGIN) == page
