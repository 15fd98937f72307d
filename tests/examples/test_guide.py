"""The guide's code: that it stands in examples/guide as printed, and that the site works.

What the consumers do when real clients talk to them is tested in tests/live/test_guide.py.
"""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "examples" / "guide"

MARKED = re.compile(
    r"# --- as printed ---\n *# fmt: off\n(?P<block>.*?) *# fmt: on\n *# --- end ---", re.DOTALL
)

# What the guide prints, without the blank lines, by the module that holds it.
PRINTED = {
    "consumers/authentication.py": """
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated
class SecureConsumer(AsyncJsonWebsocketConsumer):
    # Authentication classes determine how users are identified
    authentication_classes = [SessionAuthentication, TokenAuthentication]
    # Permission classes determine if authenticated users have access
    permission_classes = [IsAuthenticated]
    # For object-level permissions, provide a queryset
    queryset = Room.objects.all()
    # HTTP method to emulate for authentication
    auth_method = "get" # Default is "get"
    INCOMING_MESSAGE_SCHEMA = IncomingMessage
""",
    "consumers/configuration.py": """
class ConfiguredConsumer(AsyncJsonWebsocketConsumer):
    # Authentication
    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated]
    queryset = None
    auth_method = "get"
    # Message handling
    INCOMING_MESSAGE_SCHEMA = MyIncomingMessage
    OUTGOING_GROUP_MESSAGE_SCHEMA = MyOutgoingGroupMessage
    # Behavior flags
    send_completion = True # Send completion messages
    send_message_immediately = True # Yield control after sending
    log_received_message = True # Log received messages
    log_sent_message = True # Log sent messages
    log_ignored_actions = ["ping", "pong"] # Don't log these actions
    send_authentication_message = True # Send auth status
""",
    "consumers/context.py": """
async def receive_message(self, message, **kwargs):
    # Access the authenticated user
    user = self.user
    # Access the Django request (from authentication)
    request = self.request
    # For consumers with object-level permissions, access the object
    obj = self.obj
    # Access the raw ASGI connection scope
    scope = self.scope
    # Access URL parameters
    url_params = self.scope["url_route"]["kwargs"]
    # Access query string parameters
    query_params = parse_qs(self.scope["query_string"].decode())
""",
    "consumers/errors.py": """
async def receive_message(self, message, **kwargs):
    try:
        result = await self.process_message(message)
        await self.send_message(SuccessMessage(payload=result))
    except ValueError as e:
        # Send custom error for specific exceptions
        await self.send_message(ErrorMessage(payload={"detail": str(e)}))
    # Other exceptions are handled automatically
""",
    "consumers/groups.py": '''
class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def build_groups(self):
        """
        Define which groups this consumer should join.
        Returns:
            Iterable of group names
        """
        # Get room ID from URL parameters
        room_id = self.scope["url_route"]["kwargs"].get("room_id", "default")
        # Return list of groups to join
        return [f"chat_room_{room_id}"]
    async def receive_message(self, message, **kwargs):
        if message.action == "chat":
            # Forward message to the entire group
            await self.send_group_message(message)
''',
    "consumers/handling.py": '''
async def receive_message(self, message, **kwargs):
    """
    Handle incoming validated messages.
    Args:
        message: The validated message object
        **kwargs: Additional arguments from receive_json
    """
    # Access the action field to determine message type
    if message.action == "chat":
        # Access payload for message data
        text = message.payload
        # Create response message
        from myapp.messages import ChatResponse
        response = ChatResponse(payload=f"Received: {text}")
        # Send response to the client
        await self.send_message(response)
''',
    "consumers/minimal.py": '''
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.incoming import IncomingMessage
class MyConsumer(AsyncJsonWebsocketConsumer):
    """Basic WebSocket consumer."""
    # Required: Specify the message schema
    INCOMING_MESSAGE_SCHEMA = IncomingMessage
    async def receive_message(self, message, **kwargs):
        """Handle incoming validated messages."""
        # Handle message based on its action
        if message.action == "ping":
            from chanx.messages.outgoing import PongMessage
            await self.send_message(PongMessage())
''',
    "consumers/post_authentication.py": '''
async def post_authentication(self):
    """Execute after successful authentication."""
    # Perform custom initialization
    self.user_status = "online"
    # Record connection in database
    await self.update_user_status()
''',
    "consumers/sending.py": """
# Send to the connected client
await self.send_message(MyMessage())
# Send to all clients in groups (excluding this one)
await self.send_group_message(
    GroupMessage(),
    exclude_current=True # Don't echo to sender
)
# Send to specific groups
await self.send_group_message(
    GroupMessage(),
    groups=["custom_group"], # Override default groups
    exclude_current=False # Include sender
)
""",
    "tests/test_chat.py": """
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
""",
}


def get_block(module: str) -> list[str]:
    found = MARKED.findall((GUIDE / "myapp" / module).read_text("utf-8"))
    assert len(found) == 1, f"{module} has {len(found)} marked blocks"
    return [line for line in textwrap.dedent(found[0]).splitlines() if line.strip()]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    # pytest-django has put the suite's settings there; the site names its own.
    environment = {**os.environ, "GUIDE_DATABASE": ":memory:"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=GUIDE,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("module", PRINTED)
def test_block_stands_as_printed(module: str) -> None:
    assert get_block(module) == PRINTED[module].strip("\n").splitlines()


def test_every_marked_block_is_looked_at() -> None:
    modules = (GUIDE / "myapp").rglob("*.py")
    marked = [file for file in modules if "# --- as printed ---" in file.read_text("utf-8")]
    assert {file.relative_to(GUIDE / "myapp").as_posix() for file in marked} == set(PRINTED)


def test_checks_find_nothing() -> None:
    result = run("manage.py", "check", "--fail-level", "DEBUG")
    assert result.returncode == 0, result.stdout


def test_models_and_migrations_agree() -> None:
    result = run("manage.py", "makemigrations", "--check", "--dry-run")
    assert result.returncode == 0, result.stdout


def test_test_case_passes_under_manage_py() -> None:
    result = run("manage.py", "test")
    assert result.returncode == 0, result.stdout
    assert "Ran 1 test" in result.stdout


def test_test_case_passes_under_pytest() -> None:
    result = run("-m", "pytest", "-p", "no:cacheprovider")
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout
