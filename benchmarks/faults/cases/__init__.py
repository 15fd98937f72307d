"""The cases, in the order of the table."""

from benchmarks.faults.case import Fault
from benchmarks.faults.cases import access, broker, ends, flow, groups, messages

__all__ = ["get_faults"]


def get_faults() -> dict[str, Fault]:
    """Return the cases by name."""
    modules = (messages, flow, ends, broker, groups, access)
    return {fault.name: fault for module in modules for fault in module.FAULTS}
