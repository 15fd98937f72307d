import pytest
from chanx.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from .models import Ticket
from .routing import router


@pytest.mark.django_db(transaction=True)
async def test_ping() -> None:
    alice = await User.objects.acreate(username="alice")
    token = await Token.objects.acreate(user=alice)
    ticket = await Ticket.objects.acreate(title="The printer is on fire")
    await ticket.assignees.aadd(alice)
    headers = [(b"authorization", f"Token {token.key}".encode())]
    client = WebsocketCommunicator(router, f"/{ticket.pk}/", headers=headers)
    await client.connect()
    await client.assert_authenticated_status_ok()

    await client.send_json_to({"action": "ping"})

    assert await client.receive_all_json() == [{"action": "pong", "payload": None}]
    await client.disconnect()
