"""Docstrings in parts."""

import pytest
from django.template.loader import render_to_string

from chanx.reference.text import Block, Span, parse_spans, parse_text

pytestmark = pytest.mark.usefixtures("page_settings")

CODE = [
    ("plain", [("plain", False)]),
    ("an `obj` of ``self``", [("an ", False), ("obj", True), (" of ", False), ("self", True)]),
    ("`all`", [("all", True)]),
    ("``a`b``", [("a`b", True)]),
    ("one ` alone", [("one ` alone", False)]),
    ("`` ` ``", [("`", True)]),
    ("*no* __markdown__ [here](x)", [("*no* __markdown__ [here](x)", False)]),
    ("", []),
]


@pytest.mark.parametrize(("text", "spans"), CODE)
def test_code_stands_between_backticks(text: str, spans: list[tuple[str, bool]]) -> None:
    assert [(each.text, each.is_code) for each in parse_spans(text)] == spans


def read(block: Block) -> list[str]:
    return ["".join(span.text for span in line) for line in block.lines]


def test_blocks() -> None:
    text = """
First line,
and the second.

- one
- two, which
  goes on

1. first
2. second

    indented
      code

```python
fenced

more
```
Last."""
    assert [(each.kind, read(each)) for each in parse_text(text)] == [
        ("paragraph", ["First line, and the second."]),
        ("list", ["one", "two, which goes on"]),
        ("list", ["first", "second"]),
        ("code", ["indented\n  code"]),
        ("code", ["fenced\n\nmore"]),
        ("paragraph", ["Last."]),
    ]


def test_list_may_begin_right_below_a_paragraph() -> None:
    text = "These, of\n1999. For now:\n- one,\n  and more\n- two\n\nIn turn:\n1. first\n2. second"
    assert [(each.kind, read(each)) for each in parse_text(text)] == [
        ("paragraph", ["These, of 1999. For now:"]),
        ("list", ["one, and more", "two"]),
        ("paragraph", ["In turn:"]),
        ("list", ["first", "second"]),
    ]


def test_items_keep_their_numbers() -> None:
    blocks = parse_text("3. third\n4. fourth\n\n- none")
    assert [each.start for each in blocks] == [3, None]
    html = render_to_string("chanx/reference/blocks.html", {"blocks": blocks})
    assert '<ol start="3"><li>third</li><li>fourth</li></ol>' in html
    assert "<ul><li>none</li></ul>" in html


@pytest.mark.parametrize("text", ["", "\n \n", "```\n```"])
def test_nothing(text: str) -> None:
    assert parse_text(text) == ()


@pytest.mark.parametrize(
    "text", ["{}", "- {}", "    {}", "`{}`", "```\n{}\n```", "a `{}` b", "```\n{}"]
)
def test_markup_is_text(text: str) -> None:
    evil = "<script>alert(1)</script>"
    blocks = parse_text(text.format(evil))
    html = render_to_string("chanx/reference/blocks.html", {"blocks": blocks})
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_code_is_shown_as_code() -> None:
    html = render_to_string(
        "chanx/reference/spans.html", {"spans": (Span("a "), Span("<b>", True))}
    )
    assert html == "a <code>&lt;b&gt;</code>"
