"""Which origins pass, and which never do."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from chanx.integrations.origin import find_bad_origins, find_foreign_origin

ALLOWED = ("https://app.example.com", "https://*.apps.example.com", "capacitor://localhost")

Headers = list[tuple[bytes, bytes]]


def passes(origin: bytes | str, allowed: Iterable[str] = (), *more: tuple[bytes, bytes]) -> bool:
    value = origin.encode() if isinstance(origin, str) else origin
    headers = [(b"host", b"example.com"), (b"origin", value), *more]
    return find_foreign_origin(make_scope(headers), tuple(allowed)) is None


def make_scope(headers: Headers) -> dict[str, Any]:
    return {"type": "websocket", "path": "/ws/", "headers": headers}


def site(**changes: Any) -> Any:
    return override_settings(
        **{
            "ALLOWED_HOSTS": ["example.com", ".example.org", "[2001:db8::1]"],
            "CSRF_TRUSTED_ORIGINS": ["https://trusted.example.net", "https://*.wild.example.net"],
            "DEBUG": False,
            **changes,
        }
    )


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "http://example.com",
        "https://example.com:8443",
        "HTTPS://EXAMPLE.COM",
        "https://example.com.",
        "https://example.org",
        "https://a.b.example.org",
        "http://[2001:db8::1]:8000",
        "https://trusted.example.net",
        "https://trusted.example.net:443",
        "https://wild.example.net",
        "https://a.wild.example.net",
        "https://app.example.com",
        "https://x.apps.example.com",
        "capacitor://localhost",
    ],
)
def test_origin_that_passes(origin: str) -> None:
    with site():
        assert passes(origin, ALLOWED)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.com",
        "https://example.com.evil.com",
        "https://evilexample.com",
        "https://evilexample.org",
        "https://evil.com/example.com",
        "https://evil.com#example.com",
        "https://example.com@evil.com",
        "https://evil.com:443@example.com",
        "https://example.com/",
        "https://example.com:",
        "https://example.com:abc",
        "https://example.com evil.com",
        "https://example.com\n",
        "https://example.com\0",
        " https://example.com",
        "https://*.example.org",
        "https://*",
        "*",
        "null",
        "NULL",
        "",
        "example.com",
        "//example.com",
        "https:example.com",
        "file://",
        "ftp://example.com",
        "chrome-extension://example.com",
        "http://trusted.example.net",
        "https://trusted.example.net:8443",
        "https://sub.trusted.example.net",
        "https://evilwild.example.net",
        "http://a.wild.example.net",
        "http://app.example.com.evil.com",
        "https://x.apps.example.com:8443",
        "https://éxample.com",
        "https://" + "a" * 100_000 + ".example.org",
    ],
)
def test_origin_that_is_refused(origin: str) -> None:
    with site():
        assert not passes(origin, ALLOWED)


def test_client_without_an_origin_passes() -> None:
    with site():
        assert find_foreign_origin(make_scope([(b"host", b"evil.com")]), ()) is None
        assert find_foreign_origin({"type": "websocket", "path": "/"}, ()) is None


def test_two_origins_are_refused_even_if_both_would_pass() -> None:
    with site():
        assert not passes("https://example.com", (), (b"origin", b"https://example.com"))
        assert not passes("https://example.com", (), (b"Origin", b"https://evil.com"))


def test_name_of_the_header_has_no_case() -> None:
    with site():
        scope = make_scope([(b"Origin", b"https://evil.com")])
        assert find_foreign_origin(scope, ()) == "https://evil.com"


def test_star_switches_the_check_off() -> None:
    with site():
        for origin in ("https://evil.com", "null", ""):
            assert passes(origin, ("*",))
        assert passes("null", ("*",), (b"origin", b"x"))


def test_any_allowed_host_means_the_host_of_the_request() -> None:
    with site(ALLOWED_HOSTS=["*"]):
        assert passes("https://example.com")
        assert passes("https://example.com:8443")
        assert not passes("https://evil.com")
        assert not passes("https://evil.com", (), (b"x-forwarded-host", b"evil.com"))
        scope = make_scope([(b"host", b"exa mple"), (b"origin", b"https://exa")])
        assert find_foreign_origin(scope, ()) == "https://exa"
        with override_settings(USE_X_FORWARDED_HOST=True):
            assert passes("https://public.example", (), (b"x-forwarded-host", b"public.example"))


def test_host_that_is_not_allowed_is_not_the_own_one() -> None:
    """As with DNS rebinding: the browser believes that it talks to the site of the page."""
    with site():
        scope = make_scope([(b"host", b"evil.com"), (b"origin", b"http://evil.com")])
        assert find_foreign_origin(scope, ()) == "http://evil.com"


def test_development_without_allowed_hosts_means_this_machine() -> None:
    with site(ALLOWED_HOSTS=[], DEBUG=True):
        for host in ("localhost:3000", "sub.localhost", "127.0.0.1:5173", "[::1]:8000"):
            assert passes(f"http://{host}")
        assert not passes("http://example.com")
    with site(ALLOWED_HOSTS=[]):
        assert not passes("http://localhost")


def test_refused_origin_is_fit_for_the_log() -> None:
    with site():
        value = b"https://e\n\x1b\xffvil.com/" + b"x" * 1000
        shown = find_foreign_origin(make_scope([(b"origin", value)]), ())
        assert shown is not None
        assert shown.startswith("https://e???vil.com/xxx")
        assert len(shown) == 203
        assert shown.endswith("...")


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=100).map(str.encode),
        st.builds(
            lambda a, b, c: (a + b + c).encode(),
            st.sampled_from(["https://", "http://", "", "null", "//"]),
            st.text(alphabet="exampl.comorgn[]:/@#?*0189 \n\\", max_size=40),
            st.sampled_from(["", ":443", ":80", ".example.org", "example.com", "/"]),
        ),
    )
)
def test_any_bytes_are_refused_unless_they_are_an_allowed_origin(value: bytes) -> None:
    with site(CSRF_TRUSTED_ORIGINS=[]):
        if not passes(value):
            return
    # Taken apart in another way than the code does.
    scheme, _, rest = value.decode("ascii").lower().partition("://")
    host, _, port = rest.partition("]")[2].rpartition(":") if "]" in rest else rest.partition(":")
    assert scheme in ("http", "https")
    assert not port or port.isdigit()
    if "]" in rest:
        assert rest.startswith("[2001:db8::1]")
    else:
        host = host.removesuffix(".")
        assert host in ("example.com", "example.org") or host.endswith(".example.org")


@pytest.mark.parametrize(
    "origins",
    [
        [],
        (),
        "*",
        ["*"],
        ["https://app.example.com", "http://localhost:3000", "https://*.example.com:8443"],
        ["capacitor://localhost", "chrome-extension://abcdefgh", "http://[::1]:3000"],
    ],
)
def test_origins_that_can_be_allowed(origins: Any) -> None:
    assert list(find_bad_origins(origins)) == []


@pytest.mark.parametrize(
    "origins",
    [
        None,
        5,
        "https://app.example.com",
        ["app.example.com"],
        ["https://app.example.com/"],
        ["https://app.example.com/path"],
        ["https://*"],
        ["https://app.*.com"],
        ["null"],
        ["https://müller.example"],
        [None],
    ],
)
def test_origins_that_cannot_be_allowed(origins: Any) -> None:
    (problem,) = find_bad_origins(origins)
    assert "but " in problem
    assert "origin" in problem
