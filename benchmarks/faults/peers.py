"""Who meets the faults: those of benchmarks.peers that are built on Channels and have groups."""

from typing import Final

__all__ = ["APPLICATIONS", "CHANX", "OURS", "OWN_EVENTS", "PEERS"]

OURS: Final = "ours"

APPLICATIONS: Final = {
    "ours": "faults_chanx",
    "channels": "faults_channels",
    "chanx-0.5.0": "faults_chanx_0_5",
    "chanx-original": "faults_original",
}
"""Their modules in benchmarks.apps."""

PEERS: Final = tuple(APPLICATIONS)
CHANX: Final = ("ours", "chanx-0.5.0", "chanx-original")
"""Those that authenticate by themselves, and say so in their first message."""

OWN_EVENTS: Final = {
    "ours": "send_group_member",
    "channels": "said",
    "chanx-0.5.0": "send_group_member",
    "chanx-original": "handle_group_message",
}
"""The type of the layer's events with which each delivers to a group."""
