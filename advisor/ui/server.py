"""The page on a port of this machine: loopback only, and only for pages that came from it."""

from __future__ import annotations

import contextlib
import ctypes
import gzip
import json
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from advisor.errors import QuantAdviseError, one_line
from advisor.ui.answers import Answerer, Superseded
from advisor.ui.dropped_file import MOST_BYTES
from advisor.ui.flags_as_labels import in_form_words
from advisor.ui.form_to_question import FieldError, field_of, words_of

LOOPBACK = "127.0.0.1"
MOST_URL = 16_384
MOST_DIGITS = 12
"""Most digits of a length: more is a mistake, or an attack."""
M_ARENA_MAX = -8
"""Of glibc's malloc.h."""
READ_S = 30.0
"""Seconds of silence after which a connection is closed."""

Respond = Callable[[Mapping[str, str]], Mapping[str, object]]


class Server(ThreadingHTTPServer):
    """Serves `page` at / and answers at /api/…; port 0 takes a free one.

    Raises OSError when the port is taken.
    """

    daemon_threads = True

    def __init__(self, port: int, page: str, answerer: Answerer) -> None:
        self.page = page.encode()
        self.page_gzip = gzip.compress(self.page, mtime=0)
        self.routes: dict[str, Respond] = {
            "/api/answer": _spoken(answerer.answer),
            "/api/rest": _spoken(answerer.rest),
            "/api/sure": _spoken(answerer.sure),
            "/api/load": _spoken(answerer.along),
            "/api/figures": answerer.figures,
            "/api/ranking": _spoken(answerer.ranking),
            "/api/next": _spoken(answerer.measuring),
            "/api/mixed": _spoken(answerer.mixing),
            "/api/document": answerer.document,
            "/api/rows": answerer.rows,
            "/api/folder": answerer.folder,
            "/api/command": answerer.command,
        }
        self.take = answerer.take
        _share_heaps()
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing for a browser that went away meanwhile; a traceback for everything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser that means this server writes into `Host`. Any other name was made to lead here by
        someone else's DNS, for a page of theirs to read our answers."""
        return frozenset(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))


def _share_heaps() -> None:
    """Let threads share two heaps: glibc gives each connection's thread one of many, and what answers leave
    in every one of them adds up (over 800 questions 344 MB in place of 430). Other C libraries do not."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "quantadvise"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = READ_S

    def do_GET(self) -> None:
        if self._is_ours():
            self._route()

    def do_POST(self) -> None:
        """A file that was dropped on the page, by its name."""
        url = urlsplit(self.path)
        length = self.headers.get("Content-Length", "")
        # An unread part of the body would be taken for the next request.
        self.close_connection = True
        if not self._is_ours():
            return
        if url.path != "/api/file":
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
        elif not (length.isascii() and length.isdecimal()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "a file is sent with its length")
        elif len(length) > MOST_DIGITS or int(length) > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the file is larger than {MOST_BYTES:,} bytes")
        else:
            content = self.rfile.read(int(length))
            self._answer(lambda: self.server.take(_given(url.query).get("name", "file"), content))

    def _is_ours(self) -> bool:
        """Whether the request is meant for this server and from its own page; refused where it is not."""
        hosts = self.headers.get_all("Host", [])
        origin = self.headers.get("Origin")
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to its own address alone")
        # Browsers say where a request comes from; another site's page has no business here.
        elif self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") or (
            origin is not None and origin.lower() not in {f"http://{host}" for host in self.server.hosts}
        ):
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers its own page alone")
        elif len(self.path) > MOST_URL:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "the question is too long")
        else:
            return True
        return False

    def do_HEAD(self) -> None:
        self.do_GET()

    def _route(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/":
            self._page()
            return
        respond = self.server.routes.get(url.path)
        if respond is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
            return
        self._answer(lambda: respond(_given(url.query)))

    def _page(self) -> None:
        """A third as long to a browser that unpacks it; a tunnel to this machine may be slow."""
        zips = any(
            part.split(";")[0].strip() == "gzip"
            for part in self.headers.get("Accept-Encoding", "").split(",")
        )
        body = self.server.page_gzip if zips else self.server.page
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", body, zipped=zips)

    def _answer(self, respond: Callable[[], Mapping[str, object]]) -> None:
        try:
            self._json(HTTPStatus.OK, respond())
        except Superseded:
            self._refuse(HTTPStatus.CONFLICT, "another question was asked meanwhile")
        except QuantAdviseError as error:
            self._json(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                {
                    "field": field_of(error),
                    "error": one_line(str(error)),
                    "words": in_form_words(words_of(error)),
                },
            )

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses by itself: no HTTP, an unknown method. Guarded like every answer."""
        self.close_connection = True
        self.request_version = "HTTP/1.1"  # what was no request has none, and would get no headers
        self.command = self.command or "GET"
        self._refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._json(status, {"error": why})

    def _json(self, status: HTTPStatus, value: Mapping[str, object]) -> None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._send(status, "application/json; charset=utf-8", text.encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes, *, zipped: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        for name, value in _GUARDS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: questions are the user's own business, also in a log."""


def _spoken(respond: Respond) -> Respond:
    """What a reader of the page reads: in the words of its form."""

    def answer(said: Mapping[str, str]) -> Mapping[str, object]:
        return {key: in_form_words(value) for key, value in respond(said).items()}

    return answer


def _given(query: str) -> dict[str, str]:
    """The fields of a query. Raises FieldError for one that is stated twice with different values."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if given.setdefault(name, value) != value:
            raise FieldError(f"--{name}: is stated twice: '{given[name]}' and '{value}'", name)
    return given


_GUARDS = {
    "Cache-Control": "no-store",
    # The page has its own, stricter policy; this one holds for everything else that is served.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
