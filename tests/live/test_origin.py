"""Pages of other sites open no sockets in the name of whoever looks at them (CSWSH)."""

from pathlib import Path

import pytest

from tests.live.auth import AuthSite, send_handshake, serve, with_session
from tests.live.conftest import find_lines

NOT_ALLOWED = {"detail": "Origin not allowed"}

Headers = list[tuple[str, str | bytes]]

PASS = {
    "none": None,
    "name in ALLOWED_HOSTS": "https://allowed.test",
    "other port and scheme": "http://allowed.test:3000",
    "capitals": "https://ALLOWED.test",
    "subdomain in ALLOWED_HOSTS": "https://a.b.subdomains.test",
    "address": "http://127.0.0.1:5173",
    "in CSRF_TRUSTED_ORIGINS": "https://trusted.test:8443",
    "subdomain in CSRF_TRUSTED_ORIGINS": "https://www.trusted.test",
}

FAIL: dict[str, str | bytes] = {
    "foreign": "https://evil.test",
    "null": "null",
    "empty": "",
    "allowed as a prefix": "https://allowed.test.evil.test",
    "allowed as a suffix": "https://evilallowed.test",
    "allowed as a user": "https://allowed.test@evil.test",
    "allowed as a path": "https://evil.test/allowed.test",
    "allowed as a fragment": "https://evil.test#allowed.test",
    "subdomain of one without": "https://www.allowed.test",
    "other port of a trusted one": "https://trusted.test:8444",
    "other scheme of a trusted one": "http://www.trusted.test",
    "no scheme": "allowed.test",
    "a file": "file://",
    "an extension": "chrome-extension://abcdefgh",
    "two in one": "https://allowed.test https://evil.test",
    "a list": "https://allowed.test, https://evil.test",
    "backslash": "https://evil.test\\@allowed.test",
    "bad port": "https://allowed.test:99999999",
    "bad address": "https://[::1",
    "no text": b"https://\xff\xfe.test",
    "long": "https://" + "a" * 4000 + ".test",
}


async def add_session(site: AuthSite) -> Headers:
    """Return the headers that a browser sends on its own: the page cannot know them."""
    user = await site.make_user()
    return list(with_session(await site.log_in(user)).items())


@pytest.mark.parametrize("name", PASS)
async def test_passes(auth_site: AuthSite, name: str) -> None:
    headers = await add_session(auth_site)
    if origin := PASS[name]:
        headers.append(("Origin", origin))
    assert (await send_handshake(auth_site.server, "/ws/session/", headers)).status == 101


@pytest.mark.parametrize("name", FAIL)
@pytest.mark.parametrize("path", ["/ws/session/", "/stack/session/", "/ws/no-classes/"])
async def test_is_refused_before_accept(auth_site: AuthSite, path: str, name: str) -> None:
    headers = await add_session(auth_site)
    headers.append(("Origin", FAIL[name]))
    answer = await send_handshake(auth_site.server, path, headers)
    assert answer.status == 403
    assert answer.json() == NOT_ALLOWED
    assert answer.headers["content-type"] == "application/json"


async def test_two_origins_are_refused(auth_site: AuthSite) -> None:
    headers = await add_session(auth_site)
    headers += [("Origin", "https://allowed.test"), ("Origin", "https://evil.test")]
    # 400: the server has seen it before we do.
    answer = await send_handshake(auth_site.server, "/ws/session/", headers)
    assert answer.status in (400, 403)


async def test_own_host_is_what_the_request_names_and_only_if_allowed(
    auth_site: AuthSite,
) -> None:
    headers = await add_session(auth_site)
    headers += [("Host", "evil.test"), ("Origin", "https://evil.test")]
    assert (await send_handshake(auth_site.server, "/ws/session/", headers)).status == 403


async def test_attribute_widens_it(auth_site: AuthSite) -> None:
    headers = await add_session(auth_site)
    expected = {
        "https://app.example.com": 101,
        "https://a.example.org": 101,
        "http://app.example.com": 403,
        "https://www.example.com": 403,
        "https://evil.test": 403,
        "https://allowed.test": 101,
    }
    for origin, status in expected.items():
        with_origin: Headers = [*headers, ("Origin", origin)]
        answer = await send_handshake(auth_site.server, "/ws/open-origin/", with_origin)
        assert answer.status == status, origin


async def test_attribute_switches_it_off(auth_site: AuthSite) -> None:
    headers = await add_session(auth_site)
    for origin in ("https://evil.test", "null"):
        with_origin: Headers = [*headers, ("Origin", origin)]
        answer = await send_handshake(auth_site.server, "/ws/any-origin/", with_origin)
        assert answer.status == 101


async def test_a_foreign_origin_costs_no_query(auth_site: AuthSite) -> None:
    """Whoever is refused for it has occupied no thread."""
    headers = [*await add_session(auth_site), ("Origin", "https://evil.test")]
    await auth_site.wait_until_idle()
    before = await auth_site.count_lane_calls()
    for _ in range(10):
        assert (await send_handshake(auth_site.server, "/ws/session/", headers)).status == 403
    assert await auth_site.count_lane_calls() == before


async def test_every_host_is_allowed_and_not_every_origin(
    auth_database: Path, tmp_path: Path
) -> None:
    environment = {"AUTH_ALLOWED_HOSTS": '["*"]'}
    with serve(auth_database, tmp_path, environment=environment) as site:
        headers = await add_session(site)
        host = ("Host", "own.test:8443")
        for origin, status in [
            ("https://own.test:8443", 101),
            ("https://evil.test", 403),
            ("https://sub.own.test:8443", 403),
        ]:
            with_origin: Headers = [*headers, host, ("Origin", origin)]
            answer = await send_handshake(site.server, "/ws/session/", with_origin)
            assert answer.status == status, origin
    site.server.check_tracebacks()


async def test_setting_and_log(auth_database: Path, tmp_path: Path) -> None:
    chanx = {"ALLOWED_ORIGINS": ["https://partner.test"]}
    with serve(auth_database, tmp_path, chanx=chanx) as site:
        headers = await add_session(site)
        for origin, status in [("https://partner.test", 101), ("https://evil.test", 403)]:
            with_origin: Headers = [*headers, ("Origin", origin)]
            answer = await send_handshake(site.server, "/ws/session/", with_origin)
            assert answer.status == status
        stats = await site.post("/stats/")
    assert stats["counters"]["connections_refused"] == {"origin": 1}
    [line] = find_lines(site.server, "Refused a connection")
    assert line["reason"] == "origin"
    assert line["origin"] == "https://evil.test"
    assert line["setting"] == "ALLOWED_ORIGINS"
    assert line["path"] == "/ws/session/"
    site.server.check_tracebacks()
