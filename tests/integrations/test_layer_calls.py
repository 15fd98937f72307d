"""Calls to a layer: deadlines, refusals, and who is told of what."""

import asyncio
from typing import Any

import pytest
from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from chanx.engine.stats import counters
from chanx.exceptions import BrokerError, BrokerTimeout, BrokerUnavailable
from chanx.integrations.layer_calls import MISTAKES, LayerCalls


class Layer(BaseChannelLayer):
    """Raises what it is told to, or never answers."""

    error: BaseException | None = None
    is_frozen = False

    async def send(self, channel: str, message: Any) -> Any:
        if self.is_frozen:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return channel, message


class Calls(LayerCalls):
    """Remembers what it has told."""

    def __init__(self, layer: Layer, deadline: float | None = 10) -> None:
        self.outages = 0
        self.failures: list[tuple[BaseException, int]] = []
        super().__init__(
            layer, deadline, lambda: self.outages, lambda *told: self.failures.append(told)
        )


@pytest.fixture(autouse=True)
def _reset() -> None:
    counters.reset()


async def test_result_is_that_of_the_layer() -> None:
    calls = Calls(Layer())
    assert await calls.call("send", "a", {"b": 1}) == ("a", {"b": 1})
    assert calls.failures == []
    assert not counters.broker


@pytest.mark.parametrize("kind", [*MISTAKES, ChannelFull])
async def test_mistake_of_the_caller_is_no_failure_of_the_layer(kind: type[Exception]) -> None:
    layer = Layer()
    layer.error = kind("no")
    calls = Calls(layer)
    with pytest.raises(BrokerError, match="send") as caught:
        await calls.call("send", "a", {})
    assert type(caught.value) is BrokerError
    assert caught.value.__cause__ is layer.error
    with pytest.raises(kind):
        await calls.pass_on("send", "a", {})
    assert calls.failures == []
    assert counters.broker == {"failures": 2}


@pytest.mark.parametrize("error", [ConnectionError("x"), OSError("x"), RuntimeError("x")])
async def test_anything_else_is_told(error: Exception) -> None:
    layer = Layer()
    layer.error = error
    calls = Calls(layer)
    with pytest.raises(BrokerUnavailable) as caught:
        await calls.call("send", "a", {})
    assert caught.value.__cause__ is error
    with pytest.raises(type(error)):
        await calls.pass_on("send", "a", {})
    assert calls.failures == [(error, 0)] * 2
    assert not calls.is_refusing  # it fails soon enough by itself


async def test_layer_that_does_not_answer_is_not_asked_again_but_for_a_trial() -> None:
    layer = Layer()
    layer.is_frozen = True
    calls = Calls(layer, 0.01)
    with pytest.raises(BrokerTimeout):
        await calls.call("send", "a", {})
    assert calls.is_refusing
    layer.is_frozen = False
    for call in (calls.call, calls.pass_on):
        with pytest.raises(BrokerUnavailable, match="not tried"):
            await call("send", "a", {})
    assert counters.broker == {"failures": 3, "timeouts": 1}
    assert await calls.call("send", "a", {}, is_trial=True) == ("a", {})
    assert await calls.call("send", "a", {}) == ("a", {})
    assert len(calls.failures) == 1


async def test_failed_trial_means_that_others_need_not_try() -> None:
    layer = Layer()
    layer.error = ConnectionError("down")
    calls = Calls(layer)
    with pytest.raises(BrokerUnavailable):
        await calls.call("send", "a", {}, is_trial=True)
    assert calls.is_refusing


async def test_call_that_began_before_the_return_of_the_layer_stops_nobody() -> None:
    layer = Layer()
    layer.is_frozen = True
    calls = Calls(layer, 0.01)
    calling = asyncio.create_task(calls.call("send", "a", {}))
    await asyncio.sleep(0)
    calls.outages += 1
    with pytest.raises(BrokerTimeout):
        await calling
    assert not calls.is_refusing
    assert calls.failures[0][1] == 0


async def test_without_a_deadline_it_is_waited_for() -> None:
    layer = Layer()
    assert await Calls(layer, None).call("send", "a", {}) == ("a", {})


@pytest.mark.parametrize("is_trial", [False, True])
async def test_cancellation_by_others_is_a_failure_of_the_layer(is_trial: bool) -> None:
    layer = Layer()
    layer.error = asyncio.CancelledError()
    calls = Calls(layer)
    for call in (calls.call, calls.pass_on):
        with pytest.raises(BrokerUnavailable, match="send"):
            await call("send", "a", {}, is_trial=is_trial or calls.is_refusing)
    assert calls.failures == [(layer.error, 0)] * 2
    assert counters.broker == {"failures": 2}
    assert calls.is_refusing is is_trial


async def test_cancelled_caller_is_cancelled() -> None:
    layer = Layer()
    layer.is_frozen = True
    calls = Calls(layer)
    calling = asyncio.create_task(calls.call("send", "a", {}))
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert calls.failures == []
    assert not counters.broker
