"""The steps of a handshake, and what a connection becomes by it: refused, waiting or set up."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

from chanx.codes import close_code_for_status
from chanx.generic.admission import (
    check_address,
    check_user,
    deny,
    make_message,
    note_refusal,
    tell_and_close,
)
from chanx.generic.authenticator import AuthenticationResult
from chanx.generic.failures import log_failure

if TYPE_CHECKING:
    from chanx.generic.driver import Driver

__all__ = ["FirstMessage", "Handshake"]

_NOT_LET_IN: Final = (401, 403)
_UNKNOWN: Final = AuthenticationResult(False, 500, "Internal Server Error")


class Handshake:
    """Authenticates the client of a connection, and sets the connection up. Forgotten then."""

    __slots__ = ("_begun", "_consumer", "_driver", "result")

    def __init__(self, consumer: Any, driver: "Driver") -> None:
        self._consumer = consumer
        self._driver = driver
        self._begun = driver.begun
        """When the client began to be looked at, on the monotonic clock."""
        self.result = _UNKNOWN
        """How authentication ended."""

    async def authenticate(self) -> bool:
        """Authenticate by what came with the handshake; tell whether the client gets in.

        If not, it has been told so, or has been given time to send a token.
        """
        consumer, driver = self._consumer, self._driver
        result = check_address(driver, consumer.scope)
        if result is None:
            result = await consumer.authenticator.authenticate(consumer.scope)
            if self._may_come_again(result):
                if driver.is_open:
                    driver.first_message = FirstMessage(self, driver)
                return False
            result = self._admit(result)
        return await self._conclude(result)

    async def authenticate_again(self, token: str) -> bool:
        """Authenticate by the token of a message; tell whether the client gets in."""
        consumer = self._consumer
        self._begun = monotonic()  # what happened to the user before is no concern of this client
        result = await _check_token(consumer.authenticator, consumer.scope, token, self._driver)
        return await self._conclude(self._admit(result))

    def expire(self) -> None:
        """Refuse a client that has sent no token in its time. Waits for nothing."""
        driver = self._driver
        if not driver.is_open:
            return
        self.result = AuthenticationResult(
            False, 408, "Request Timeout", {"detail": "No token came in time"}
        )
        note_refusal(driver, "authentication", status=408, setting="AUTHENTICATION_TIMEOUT")
        tell_and_close(driver, self.result)
        driver.report(self.result)

    async def finish(self) -> None:
        """Join the groups, tell the client, and start handling messages."""
        consumer, driver = self._consumer, self._driver
        # First: what happens to the user while the rest is done ends the connection as well.
        driver.keep_identity(consumer.authenticator, self._begun)
        await self._join()
        await self._send_message()
        driver.connection.release_deliveries()
        if driver.is_open:
            await consumer.post_authentication()
        driver.begin_handling()
        driver.report(self.result)

    def _may_come_again(self, result: AuthenticationResult) -> bool:
        """Tell whether a client that is refused has shown nothing yet, and may in a message."""
        options = self._driver.options
        if (
            result.is_authenticated
            or "message" not in options.token_transports
            or options.refuses_before_accept
            or result.status_code not in _NOT_LET_IN
            or result.refused_by == "authentication"
        ):
            return False
        authenticator = self._consumer.authenticator
        # Not ``request.user``, which authenticates if that was not done. A cookie whose session
        # has ended makes nobody a user, and browsers send it as long as they have it.
        request = authenticator.request
        user = vars(request).get("_user") if request else None
        return not (authenticator.has_token or getattr(user, "is_authenticated", False))

    def _admit(self, result: AuthenticationResult) -> AuthenticationResult:
        """Make the user that of the connection, if it may have one more."""
        consumer, driver = self._consumer, self._driver
        if not result.is_authenticated:
            note_refusal(
                driver,
                "authentication",
                status=result.status_code,
                refused_by=result.refused_by,
            )
            return result
        driver.set_user(result.user)
        if refusal := check_user(driver):
            return refusal
        consumer.user, consumer.obj = result.user, result.obj
        return result

    async def _conclude(self, result: AuthenticationResult) -> bool:
        """Tell a client that does not get in; tell whether it does."""
        consumer, driver = self._consumer, self._driver
        self.result = result
        if result.is_authenticated:
            return driver.is_open or driver.is_connecting
        if driver.is_connecting:
            await deny(driver, consumer.scope, result)
        elif driver.is_open:
            await self._send_message()
            await consumer.close(close_code_for_status(result.status_code))
        driver.report(result)
        return False

    async def _join(self) -> None:
        consumer = self._consumer
        built = await consumer.build_groups()
        if isinstance(built, str):
            raise TypeError(
                f"{type(consumer).__name__}.build_groups() returned a string; return a list of "
                "names"
            )
        consumer.groups = list(dict.fromkeys([*consumer.groups, *(built or ())]))
        await self._driver.join_groups(consumer.groups)

    async def _send_message(self) -> None:
        if self._driver.options.send_authentication:
            await self._consumer.send_message(make_message(self.result))


class FirstMessage:
    """A connection that waits for the token of its client; it has a timer, and no task."""

    __slots__ = ("_driver", "_handshake", "_timer")

    def __init__(self, handshake: Handshake, driver: "Driver") -> None:
        self._handshake = handshake
        self._driver = driver
        timeout = driver.limits.authentication_timeout
        self._timer = asyncio.get_running_loop().call_later(timeout, self._expire)

    async def take(self, token: str) -> None:
        """Authenticate by a token, and set the connection up, or close it."""
        self.stop()
        if await self._handshake.authenticate_again(token):
            await self._handshake.finish()

    def stop(self) -> None:
        """Wait no longer."""
        self._timer.cancel()
        self._driver.first_message = None

    def _expire(self) -> None:
        self._driver.first_message = None
        self._handshake.expire()


async def _check_token(
    authenticator: Any, scope: Any, token: str, driver: "Driver"
) -> AuthenticationResult:
    """Authenticate by a token; what is unexpected is logged and becomes a 500, as at a connect."""
    try:
        return cast("AuthenticationResult", await authenticator.renew(scope, token))
    except Exception as error:
        log_failure(driver.log, error)
        await driver.handle_database_error(error)
        return AuthenticationResult(
            False, 500, "Internal Server Error", {"detail": "Internal server error"}
        )
