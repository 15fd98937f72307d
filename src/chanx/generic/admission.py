"""Who gets in beside those whom authentication refuses: limits on connections, and draining."""

from typing import TYPE_CHECKING, Any, Final

from chanx.codes import CloseCode
from chanx.engine.registry import registry
from chanx.engine.stats import counters
from chanx.generic.authenticator import AuthenticationResult

if TYPE_CHECKING:
    from chanx.generic.driver import Driver

__all__ = ["check_address", "check_user", "count_refusal", "refuse_while_draining"]

_HTTP_RESPONSE: Final = "websocket.http.response"
_RETRY_AFTER: Final = b"5"
_BODY: Final = b"This process is being drained; try again.\n"


def count_refusal(reason: str) -> None:
    """Count a connection that was refused."""
    counters.refused[reason] += 1


def check_address(driver: "Driver", scope: Any) -> AuthenticationResult | None:
    """Take a place for the client's address; the answer for a client that gets none, or None.

    Addresses are those of the scope: behind a proxy all clients have one, unless the server reads
    the proxy's headers. A Unix socket has none, and no limit.
    """
    client = scope.get("client")
    if not client or not client[0]:
        return None
    limit = driver.limits.max_connections_per_address
    if registry.take_address(driver.connection, str(client[0]), limit):
        return None
    return _refuse(driver, "address", "MAX_CONNECTIONS_PER_ADDRESS", limit)


def check_user(driver: "Driver") -> AuthenticationResult | None:
    """Take a place for the driver's user; the answer for a client that gets none, or None.

    Anonymous users are not limited.
    """
    if driver.user is None:
        return None
    limit = driver.limits.max_connections_per_user
    if registry.take_user(driver.connection, driver.user, limit):
        return None
    return _refuse(driver, "user", "MAX_CONNECTIONS_PER_USER", limit)


async def refuse_while_draining(driver: "Driver", scope: Any) -> bool:
    """Refuse a handshake while the process is drained; tell whether it is."""
    if not registry.is_draining:
        return False
    count_refusal("draining")
    driver.log.info("Refused a connection", reason="draining")
    if _HTTP_RESPONSE in (scope.get("extensions") or {}):
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(_BODY)).encode()),
            (b"retry-after", _RETRY_AFTER),
        ]
        await driver.connection.respond(503, headers, _BODY)
    else:
        # Before the handshake is accepted: the server answers with HTTP 403, and sends no code.
        await driver.connection.close(int(CloseCode.SERVICE_RESTART))
    return True


def _refuse(driver: "Driver", reason: str, setting: str, limit: int | None) -> AuthenticationResult:
    count_refusal(reason)
    fields = {"user": driver.user} if reason == "user" else {}
    driver.log.warning(
        "Refused a connection", reason=reason, setting=setting, limit=limit, **fields
    )
    detail = f"Too many connections of this {reason}"
    return AuthenticationResult(False, 429, "Too Many Requests", {"detail": detail})
