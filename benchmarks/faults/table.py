"""The table in docs/faults.md, from the results alone."""

from typing import Any, Final

from benchmarks.faults.cases import get_faults
from benchmarks.faults.peers import OURS, PEERS
from benchmarks.peers import PEERS as ALL_PEERS

__all__ = ["BEGIN", "make_page", "make_text"]

BEGIN: Final = "<!-- table: written by make faults, do not edit -->"
_VERDICTS: Final = {True: "✓", False: "✗"}


def make_page(document: dict[str, Any]) -> str:
    """Return machine, table and versions as Markdown."""
    if not document.get("cases"):
        return "No results yet: `make faults` writes them here."
    machine = document["machine"]
    return "\n\n".join(
        [
            f"Seen on {machine['date']}: {machine['cores']} cores of {machine['processor']}, "
            f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}, "
            f"Redis {machine['redis']}. Each case once.",
            _make_table(document["cases"]),
            "Versions: "
            + "; ".join(
                f"{ALL_PEERS[peer].title}: "
                + ", ".join(f"{name} {version}" for name, version in versions.items())
                for peer, versions in document["versions"].items()
            )
            + ".",
        ]
    )


def _make_table(cases: dict[str, Any]) -> str:
    titles = [ALL_PEERS[peer].title for peer in PEERS]
    rows = [
        ["case", "", *titles],
        ["---"] * (2 + len(titles)),
        *(
            [fault.title, _get_verdict(cases, name), *(_get_text(cases, name, p) for p in PEERS)]
            for name, fault in get_faults().items()
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _get_verdict(cases: dict[str, Any], name: str) -> str:
    outcome = cases.get(name, {}).get(OURS)
    return _VERDICTS[outcome["is_good"]] if outcome else ""


def _get_text(cases: dict[str, Any], name: str, peer: str) -> str:
    text: str = cases.get(name, {}).get(peer, {}).get("text", "")
    return text.replace("|", "\\|")


def make_text(name: str, peer: str, outcome: dict[str, Any]) -> str:
    """Return a line for the terminal."""
    verdict = f"{_VERDICTS[outcome['is_good']]} " if peer == OURS else ""
    return f"{name:26} {peer:15} {verdict}{outcome['text']}"
