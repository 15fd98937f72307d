"""Calls to a channel layer: each with a deadline, and with an exception that tells what to do."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from chanx.engine.stats import counters
from chanx.engine.tasks import is_being_cancelled
from chanx.exceptions import BrokerError, BrokerTimeout, BrokerUnavailable

__all__ = ["MISTAKES", "LayerCalls"]

MISTAKES: Final = (
    ArithmeticError,  # OverflowError: an integer that the serialiser does not have
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""What a layer raises for what it is given, and not because it cannot reach anybody."""

OnFailure = Callable[[BaseException, int], None]


class LayerCalls:
    """Calls a layer, and tells when that fails for a reason that may pass.

    While the layer is known not to answer, calls fail at once instead of after the deadline.
    """

    def __init__(
        self,
        layer: BaseChannelLayer,
        deadline: float | None,
        get_outages: Callable[[], int],
        on_failure: OnFailure,
    ) -> None:
        self.layer = layer
        self.deadline = deadline
        self.is_refusing = False
        """Calls are not made; those that find out whether the layer answers again are."""
        self._get_outages = get_outages
        self._on_failure = on_failure

    async def call(self, what: str, *arguments: Any, is_trial: bool = False) -> Any:
        """Call a method of the layer.

        Raises BrokerTimeout, BrokerUnavailable when the layer failed otherwise or is known to be
        down, and BrokerError for a mistake of the caller's.
        """
        try:
            return await self.pass_on(what, *arguments, is_trial=is_trial)
        except BrokerError:
            raise
        except (*MISTAKES, ChannelFull) as error:
            raise BrokerError(f"The channel layer failed in {what}(): {error}") from error
        except Exception as error:
            raise BrokerUnavailable(f"The channel layer failed in {what}(): {error}") from error

    async def pass_on(self, what: str, *arguments: Any, is_trial: bool = False) -> Any:
        """Call a method; as ``call``, but what the layer itself raises comes as it is.

        Apart from a CancelledError that is not meant for the caller: BrokerUnavailable.
        """
        if self.is_refusing and not is_trial:
            counters.broker["failures"] += 1
            raise BrokerUnavailable(
                f"The channel layer does not answer; {what}() was not tried. Try again later"
            )
        outages = self._get_outages()
        try:
            async with asyncio.timeout(self.deadline):
                result = await getattr(self.layer, what)(*arguments)
        except TimeoutError as error:
            counters.broker["failures"] += 1
            counters.broker["timeouts"] += 1
            timeout = BrokerTimeout(
                f"The channel layer did not answer {what}() within {self.deadline or 0:g} s"
            )
            # Whoever calls next would wait as long.
            self._refuse(outages)
            self._on_failure(timeout, outages)
            raise timeout from error
        except (*MISTAKES, ChannelFull):
            counters.broker["failures"] += 1
            raise
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            # Something that the layer waited for was cancelled by others: it has failed.
            self._fail(error, outages, is_trial=is_trial)
            raise BrokerUnavailable(f"The channel layer was cancelled in {what}()") from error
        except Exception as error:
            self._fail(error, outages, is_trial=is_trial)
            raise
        self.is_refusing = self.is_refusing and not is_trial
        return result

    def _fail(self, error: BaseException, outages: int, *, is_trial: bool) -> None:
        counters.broker["failures"] += 1
        if is_trial:
            self._refuse(outages)
        self._on_failure(error, outages)

    def _refuse(self, outages: int) -> None:
        if outages == self._get_outages():
            self.is_refusing = True
