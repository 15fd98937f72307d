"""Section "Testing Consumers"."""

# --- as printed ---
# fmt: off
from chanx.testing import WebsocketTestCase
from myapp.messages import ChatMessage

class TestChatConsumer(WebsocketTestCase):
    ws_path = "/ws/chat/room1/"

    async def test_chat_message(self):
        # Create and connect a websocket client
        communicator = self.create_communicator()
        connected, _ = await communicator.connect()
        self.assertTrue(connected)

        # Ensure authentication succeeded
        await communicator.assert_authenticated_status_ok()

        # Send a test message
        await communicator.send_message(ChatMessage(payload="Hello"))

        # Receive all messages until completion
        messages = await communicator.receive_all_json()

        # Assert on the received messages
        self.assertEqual(len(messages), 1)
        self.assertEqual(messages[0]["payload"], "Hello")

        # Disconnect
        await communicator.disconnect()
# fmt: on
# --- end ---
