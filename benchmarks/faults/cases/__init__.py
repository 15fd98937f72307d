"""The cases, in the order of the table."""

from benchmarks.faults.case import Fault
from benchmarks.faults.cases import access, broker, ends, flow, groups, messages

__all__ = ["NOT_YET", "get_faults"]

NOT_YET = {
    "logout": "logout, deactivation, password change, expiry of the session",
    "origin": "foreign Origin with a session cookie",
}
"""Rows about authentication that are not measured yet."""


def get_faults() -> dict[str, Fault]:
    """Return the cases by name."""
    modules = (messages, flow, ends, broker, groups, access)
    return {fault.name: fault for module in modules for fault in module.FAULTS}
