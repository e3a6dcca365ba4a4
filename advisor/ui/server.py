"""The page on a port of this machine: loopback only, and only for pages that came from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from advisor.errors import QuantAdviseError
from advisor.ui.answers import Answerer, Superseded

LOOPBACK = "127.0.0.1"
MOST_URL = 16_384
READ_S = 30.0
"""A connection that says nothing for so long is closed."""

Respond = Callable[[Mapping[str, str]], Mapping[str, object]]


class Server(ThreadingHTTPServer):
    """Serves `page` at / and answers at /api/…; port 0 takes a free one.

    Raises OSError when the port is taken.
    """

    daemon_threads = True

    def __init__(self, port: int, page: str, answerer: Answerer) -> None:
        self.page = page.encode()
        self.routes: dict[str, Respond] = {
            "/api/answer": answerer.answer,
            "/api/rest": answerer.rest,
            "/api/sure": answerer.sure,
            "/api/map": answerer.maps,
        }
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser that means this server writes into `Host`. Any other name was made to lead here by
        someone else's DNS, for a page of theirs to read our answers."""
        return frozenset(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "quantadvise"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = READ_S

    def do_GET(self) -> None:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to its own address alone")
        # Browsers say where a request comes from; another site's page has no business here.
        elif self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers its own page alone")
        elif len(self.path) > MOST_URL:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "the question is too long")
        else:
            self._route()

    def do_HEAD(self) -> None:
        self.do_GET()

    def _route(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/":
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)
            return
        respond = self.server.routes.get(url.path)
        if respond is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
            return
        try:
            self._json(HTTPStatus.OK, respond(dict(parse_qsl(url.query, keep_blank_values=True))))
        except Superseded:
            self._refuse(HTTPStatus.CONFLICT, "another question was asked meanwhile")
        except QuantAdviseError as error:
            self._json(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": " ".join(str(error).split())})

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._json(status, {"error": why})

    def _json(self, status: HTTPStatus, value: Mapping[str, object]) -> None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._send(status, "application/json; charset=utf-8", text.encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in _GUARDS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: questions are the user's own business, also in a log."""


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
