"""How much memory a process holds."""

import os
import subprocess
from pathlib import Path

__all__ = ["get_resident_bytes"]


def get_resident_bytes(pid: int | None = None) -> int:
    """Return the bytes that are resident now; of this process when no other is named."""
    statistics = Path(f"/proc/{pid or 'self'}/statm")
    if statistics.exists():
        return int(statistics.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    # No /proc: macOS and the BSDs.
    command = ["ps", "-o", "rss=", "-p", str(pid or os.getpid())]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) * 1024
