"""Follows a ticket: TOKEN=... python program.py wss://example.com/ws/tickets/1/"""

import asyncio
import json
import os
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def follow(url: str, token: str) -> None:
    headers = {"Authorization": f"Token {token}"}
    async for socket in connect(url, additional_headers=headers):  # again and again, with pauses
        try:
            async for text in socket:
                message = json.loads(text)
                print(message["action"], message["payload"], flush=True)
        except ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code in {4401, 4403, 4404}:
                raise  # to come back with the same token is of no use


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1], os.environ["TOKEN"]))
