"""A page with a form and nothing else, served from the files as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

__all__ = ["serve_form_page"]

_FOLDER: Final = Path(__file__).parent
_STATIC: Final = Path(__file__).parents[3] / "src" / "chanx" / "static"
# That of the playground, as far as a page without sockets needs one.
_POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"


class _Handler(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        """Look for /chanx/ among the static files, for all else beside this file."""
        name = path.split("?")[0].lstrip("/") or "index.html"
        return str((_STATIC if name.startswith("chanx/") else _FOLDER) / name)

    def end_headers(self) -> None:
        """Let the page do no more than the playground may."""
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serve_form_page() -> Iterator[str]:
    """Serve the page while the block runs, and give its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(_FOLDER)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
