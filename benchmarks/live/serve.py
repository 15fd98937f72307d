"""``python -m benchmarks.live.serve PEER JSON``: a peer's application under uvicorn.

Prints the port and the process id, one line of JSON, and serves until SIGTERM.
"""

import json
import resource
import socket
import sys
from importlib import import_module

import uvicorn

from benchmarks.peers import PEERS
from benchmarks.wire import AppOptions


def main(peer_name: str, arguments: str) -> None:
    """Serve."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    options = AppOptions(**json.loads(arguments))
    application = import_module(f"benchmarks.apps.{PEERS[peer_name].app}").make_app(options)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        access_log=False,
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
