"""``python -m benchmarks.faults.serve PEER JSON FD``: a peer's application under uvicorn.

Listens at the socket with this file descriptor, and serves until SIGTERM. Nothing is set but what
the recommended server needs, so that shutdown and the size of frames are as the server has them.
"""

import json
import socket
import sys
from importlib import import_module
from typing import Any

import uvicorn

from benchmarks.faults.options import FaultOptions
from benchmarks.faults.peers import APPLICATIONS


def main(peer: str, arguments: str, descriptor: str) -> None:
    """Serve."""
    options = FaultOptions(**json.loads(arguments))
    application = import_module(f"benchmarks.apps.{APPLICATIONS[peer]}").make_app(options)
    more: dict[str, Any] = {} if options.max_frame is None else {"ws_max_size": options.max_frame}
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        access_log=False,
        log_level="warning",
        **more,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main(*sys.argv[1:])
