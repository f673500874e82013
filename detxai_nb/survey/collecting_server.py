"""The small page on the local network that answers are handed in to, on Tornado, which JupyterLab brings."""

from __future__ import annotations

import asyncio
import hmac
import socket
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from detxai_nb.survey.codes import typed_signs
from detxai_nb.survey.collecting import CollectedAnswers
from detxai_nb.survey.handing_in import CODE_HEADER, PATH, SECONDS
from detxai_nb.survey.seat_answers import LARGEST

_PAGE = Path(__file__).parent / "collecting_page"
_FILES = {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js"}
_KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript; charset=utf-8"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class _Handler(RequestHandler):
    """What all answers of the server have: nothing of them is run, framed or guessed; errors are one sentence."""

    def initialize(self, collected: CollectedAnswers) -> None:
        """Take what is served."""
        self.collected = collected

    def set_default_headers(self) -> None:
        """Set the headers of every answer."""
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Server")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say what went wrong, without a traceback."""
        self.finish({"error": HTTPStatus(status_code).phrase})

    def refuse(self, status: int, why: str) -> None:
        """Refuse a request in words."""
        self.set_status(status)
        self.finish({"error": why})


class _Nothing(_Handler):
    """Every other address."""

    def prepare(self) -> None:
        """Refuse it."""
        self.refuse(404, "there is nothing here; answers are handed in on the first page")


class _Page(_Handler):
    """The page, its style and its script: files of the package, the same for everybody."""

    def get(self) -> None:
        """Send the file."""
        path = _PAGE / _FILES[self.request.path]
        self.set_header("Content-Type", _KINDS[path.suffix])
        self.finish(path.read_bytes())


class _Count(_Handler):
    """How much is there, for the counter."""

    def get(self) -> None:
        """Send title and counts."""
        self.finish({"title": self.collected.study.title, **self.collected.counts()})


class _Answers(_Handler):
    """Where answers are handed in."""

    def post(self) -> None:
        """Take them if the code is right and they are answers to this study."""
        typed = typed_signs(self.request.headers.get(CODE_HEADER, ""), "the code")
        if not hmac.compare_digest(typed.encode(), self.collected.code.encode()):
            self.refuse(403, "this is not the code for handing in; look at it once more")
            return
        try:
            done = self.collected.take(self.request.body)
        except ValueError as error:
            self.refuse(400, str(error)[:300])
        except OSError:
            self.refuse(500, "the answers could not be written there; keep your file, and tell who collects")
        else:
            self.finish({"seat": done.seat, "answers": done.answers, "questions": done.questions, "kept": done.kept})


def listen(address: str, port: int) -> socket.socket:
    """Listen on an address of this computer.

    Args:
        address: a name or number; "0.0.0.0" for all of them.
        port: 0 takes one that is free.

    Returns:
        The socket, to be served or closed.

    Raises:
        ValueError: for a port that is none.
        OSError: if the address is not this computer's, or in use.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"a port is a number from 0 to 65535, got {port!r:.40}")
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        both = address == "::" and socket.has_dualstack_ipv6()
        made = socket.create_server((address, port), family=family, backlog=128, dualstack_ipv6=both)
    except (OSError, ValueError) as error:
        raise OSError(
            f"nothing can be served at {address!r:.80}, port {port} ({error}); name an address of this computer, and "
            "another port if this one is in use"
        ) from error
    made.setblocking(False)
    return made


class CollectingServer:
    """Serves the page while a ``with`` block runs, in a thread of its own.

    Args:
        collected: where answers go.
        listening: what ``listen`` returned; it is closed at the end.
        patience: seconds after which a slow sender is cut off.

    Attributes:
        collected: as above.
        url: what others type, such as "http://192.168.0.10:8765".
    """

    def __init__(self, collected: CollectedAnswers, listening: socket.socket, patience: float = SECONDS) -> None:
        self.collected, self._socket = collected, listening
        self.url = _url(*listening.getsockname()[:2])
        limits = {"max_body_size": LARGEST, "max_buffer_size": 2 * LARGEST, "max_header_size": 16_000}
        waits = {"body_timeout": patience, "idle_connection_timeout": patience}
        self._server_options: dict[str, Any] = {**limits, **waits}
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> CollectingServer:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        given = {"collected": self.collected}
        pages = [(path.replace(".", r"\."), _Page, given) for path in _FILES]
        application = Application(
            [*pages, ("/count", _Count, given), (PATH, _Answers, given)],
            default_handler_class=_Nothing,
            default_handler_args=given,
            log_function=lambda handler: None,
        )
        server = HTTPServer(application, **self._server_options)
        server.add_socket(self._socket)
        self._started.set()
        await self._ended.wait()
        server.stop()
        await server.close_all_connections()


def _url(address: str, port: int) -> str:
    """The address as others type it; of all addresses of this computer the one in the local network."""
    host = address
    if address in ("0.0.0.0", "::"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("10.255.255.255", 1))  # sends nothing
                host = probe.getsockname()[0]
            except OSError:
                host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
