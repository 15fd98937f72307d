"""Where a client's token is found, and what becomes of one that is none."""

import base64
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanx.integrations.credentials import (
    MAX_TOKEN,
    TOKEN_TRANSPORTS,
    Credentials,
    find_credentials,
    make_bearer_subprotocol,
    may_have_token,
    replace_credentials,
)
from chanx.testing import bearer_subprotocol

ALL = TOKEN_TRANSPORTS
MALFORMED = "The token is malformed."
NOT_BASE64URL = "The token is malformed: a subprotocol carries it in base64url, without padding."
DISAGREEING = "The tokens of this handshake disagree."


def make_scope(
    *headers: bytes, subprotocols: Any = (), query: bytes = b"", **kwargs: Any
) -> dict[str, Any]:
    pairs = [(b"host", b"testserver"), *((b"authorization", value) for value in headers)]
    return {
        "type": "websocket",
        "headers": pairs,
        "subprotocols": list(subprotocols),
        "query_string": query,
        **kwargs,
    }


def find(scope: dict[str, Any], transports: Any = ALL) -> Credentials:
    if not may_have_token(scope):
        assert find_credentials(scope, transports, refuse) == (scope, False, None)
    return find_credentials(scope, transports, lambda scope: "Bearer")


def get_headers(found: Credentials) -> list[bytes]:
    return [value for name, value in found.scope["headers"] if name.lower() == b"authorization"]


def encode(raw: bytes) -> str:
    return "chanx.bearer." + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def refuse(scope: Any) -> str:
    raise AssertionError("nobody needs a scheme")


def test_a_handshake_without_a_token_stays_as_it_is() -> None:
    scope = make_scope(subprotocols=["chanx", "chanx.heartbeat"], query=b"a=1&b=%20")
    found = find_credentials(scope, ALL, refuse)
    assert found.scope is scope
    assert (found.has_token, found.problem) == (False, None)


@pytest.mark.parametrize("header", [b"Bearer abc", b"Token abc", b"Basic YTpi", b"abc", b" a b\t"])
def test_header_is_left_as_it_is(header: bytes) -> None:
    found = find_credentials(make_scope(header), ["header"], refuse)
    assert get_headers(found) == [header.strip()]
    assert (found.has_token, found.problem) == (True, None)


def test_header_that_is_no_transport_is_left_out() -> None:
    found = find(make_scope(b"Bearer abc"), ["subprotocol", "message"])
    assert (get_headers(found), found.has_token, found.problem) == ([], False, None)
    found = find(make_scope(b"Bearer abc", subprotocols=[encode(b"xyz")]), ["subprotocol"])
    assert get_headers(found) == [b"Bearer xyz"]


def test_names_of_headers_may_be_in_capitals() -> None:
    scope = make_scope()
    scope["headers"] = [(b"Authorization", b"Bearer abc"), (b"AUTHORIZATION", b"Bearer xyz")]
    assert find(scope).problem == DISAGREEING
    assert get_headers(find(scope, [])) == []


def test_subprotocol_becomes_a_header() -> None:
    for token, header in (("abc.d-_e", b"Bearer abc.d-_e"), ("JWT abc", b"JWT abc")):
        found = find(make_scope(subprotocols=["chanx", bearer_subprotocol(token)]))
        assert get_headers(found) == [header]
        assert found.problem is None


@pytest.mark.parametrize(("offer", "left"), [(["chanx", "x"], b"chanx, x"), ([], None)])
def test_token_of_a_subprotocol_stands_nowhere_else(offer: list[str], left: bytes | None) -> None:
    scope = make_scope(subprotocols=[*offer, bearer_subprotocol("abc")])
    scope["headers"].append((b"sec-websocket-protocol", ",".join(scope["subprotocols"]).encode()))
    for found in (find(scope), replace_credentials(scope, ALL, "xyz", lambda scope: "Bearer")):
        assert dict(found.scope["headers"]).get(b"sec-websocket-protocol") == left
        assert found.scope["subprotocols"] == offer
    assert bearer_subprotocol("abc") in scope["subprotocols"]


def test_subprotocol_that_is_no_transport_is_not_looked_at() -> None:
    scope = make_scope(subprotocols=["chanx", encode(b"abc"), "chanx.bearer.!"])
    assert find(scope, ["header", "message", "query"]) == (scope, False, None)


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        (b"token=abc", b""),
        (b"a=1&token=abc&b=%20&", b"a=1&b=%20&"),
        (b"%74oken=%61bc&a", b"a"),
    ],
)
def test_token_of_the_query_string_is_taken_out_of_it(query: bytes, rest: bytes) -> None:
    found = find(make_scope(query=query))
    assert get_headers(found) == [b"Bearer abc"]
    assert found.scope["query_string"] == rest
    scope = make_scope(query=query)
    assert find(scope, ["header", "subprotocol", "message"]) == (scope, False, None)


@pytest.mark.parametrize(
    "scope",
    [
        make_scope(b"Bearer abc", b"Bearer abc"),
        make_scope(b"Bearer abc", subprotocols=[encode(b"abc")]),
        make_scope(b"Bearer abc", query=b"token=abc"),
        make_scope(b"bearer abc", subprotocols=[encode(b"Bearer abc")] * 2, query=b"token=abc"),
        make_scope(subprotocols=[encode(b"abc")], query=b"token=abc&token=abc"),
    ],
)
def test_the_same_token_twice_is_one(scope: dict[str, Any]) -> None:
    found = find(scope)
    assert [header.lower() for header in get_headers(found)] == [b"bearer abc"]
    assert found.problem is None


@pytest.mark.parametrize(
    "scope",
    [
        make_scope(b"Bearer abc", b"Bearer abd"),
        make_scope(b"Bearer abc", b"Token abc"),
        make_scope(b"Bearer abc", subprotocols=[encode(b"abd")]),
        make_scope(b"Bearer abc", subprotocols=[encode(b"Token abc")]),
        make_scope(b"Bearer abc", query=b"token=abd"),
        make_scope(subprotocols=[encode(b"abc"), encode(b"abd")]),
        make_scope(query=b"token=abc&token=ABC"),
    ],
)
def test_tokens_that_disagree_are_a_problem_and_none_is_used(scope: dict[str, Any]) -> None:
    found = find(scope)
    assert (found.problem, found.has_token, get_headers(found)) == (DISAGREEING, True, [])


BAD = [
    b"",
    b" ",
    b"a\x00b",
    b"a\nb",
    b"a\r\nx-user: ann",
    b"a\tb",
    b"a\x7fb",
    b"a  b",
    "ä".encode(),
    b"\xff",
    b"a" * (MAX_TOKEN + 1),
    b"a" * 100_000,
]


@pytest.mark.parametrize("raw", BAD)
def test_malformed_tokens_are_a_problem_wherever_they_are(raw: bytes) -> None:
    scopes = [
        make_scope(raw),
        make_scope(b"Bearer abc", raw),
        make_scope(subprotocols=[encode(raw)]),
        make_scope(query=b"token=" + quote_from_bytes(raw).encode()),
    ]
    for scope in scopes:
        found = find(scope)
        assert (found.problem, found.has_token, get_headers(found)) == (MALFORMED, True, [])
        assert b"token" not in found.scope["query_string"]


@pytest.mark.parametrize(
    "name",
    ["!", "YQ==", "Y", "YR", "YW Jj", "Y+Jj", "Y/Jj", "ä", "\ud800", "eyJh.eyJz.c2ln"],
)
def test_subprotocol_that_is_no_base64url_is_a_problem(name: str) -> None:
    assert find(make_scope(subprotocols=["chanx.bearer." + name])).problem == NOT_BASE64URL


def test_longest_token_passes() -> None:
    token = "a" * MAX_TOKEN
    assert find(make_scope(subprotocols=[bearer_subprotocol(token)])).problem is None


def test_token_of_a_message_replaces_that_of_the_handshake() -> None:
    scope = make_scope(b"Bearer old", subprotocols=[encode(b"older")], query=b"token=oldest&a=1")
    found = replace_credentials(scope, ALL, "new", lambda scope: "Token")
    assert get_headers(found) == [b"Token new"]
    assert found.scope["query_string"] == b"a=1"
    found = replace_credentials(scope, ALL, "n\new", refuse)
    assert (found.problem, get_headers(found)) == (MALFORMED, [])


def test_scheme_is_asked_for_with_a_scope_that_has_no_token() -> None:
    seen = []

    def get_scheme(scope: Any) -> str:
        seen.append(scope)
        return "JWT"

    scope = make_scope(query=b"token=abc")
    assert get_headers(find_credentials(scope, ALL, get_scheme)) == [b"JWT abc"]
    assert "abc" not in repr([each["headers"] for each in seen])
    assert seen[0]["query_string"] == b""


anything = st.binary(max_size=60) | st.text(max_size=30).map(
    lambda text: text.encode(errors="surrogatepass")
)
protocols = st.lists(
    anything.map(encode) | st.text(max_size=20).map("chanx.bearer.".__add__) | st.text(max_size=20),
    max_size=3,
)


@given(
    st.lists(anything, max_size=3),
    protocols,
    st.lists(anything, max_size=3),
    st.sets(st.sampled_from(ALL)),
)
def test_nothing_that_is_sent_raises_or_comes_back(
    headers: list[bytes], subprotocols: list[str], values: list[bytes], transports: set[str]
) -> None:
    query = b"&".join(b"token=" + value for value in values)
    scope = make_scope(*headers, subprotocols=subprotocols, query=query)
    found = find(scope, list(transports))
    assert found.problem in (None, MALFORMED, NOT_BASE64URL, DISAGREEING)
    left = get_headers(found)
    assert len(left) == (found.has_token and found.problem is None)
    for header in left:
        assert header.isascii()
        assert header.decode().isprintable()


visible = st.text("abAB.-_~+/=", min_size=1, max_size=8)


@given(visible, visible)
def test_tokens_agree_when_they_are_equal(one: str, other: str) -> None:
    scopes = [
        make_scope(f"Bearer {one}".encode(), subprotocols=[make_bearer_subprotocol(other)]),
        make_scope(subprotocols=[make_bearer_subprotocol(one), make_bearer_subprotocol(other)]),
    ]
    for scope in scopes:
        found = find(scope)
        assert (found.problem is None) == (one == other)
        assert get_headers(found) == ([f"Bearer {one}".encode()] if one == other else [])
