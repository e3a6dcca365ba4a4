"""One HTTP answer, under one deadline and one size limit for all of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from advisor.errors import InputError

MAX_ANSWER_BYTES = 16_000_000
"""A vLLM server's /metrics is below 1 MB."""


class StatusError(OSError):
    """The server answers with a status that is no success."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"answers {status} {reason}".strip())
        self.status = status


def fetch(
    url: str,
    *,
    deadline_s: float = 10.0,
    max_bytes: int = MAX_ANSWER_BYTES,
    body: Mapping[str, Any] | None = None,
) -> bytes:
    """The body that `url` answers to GET, or to POST of `body` as JSON.

    Raises TimeoutError after `deadline_s` for the whole answer (a server that sends a byte a second is
    cut off too), StatusError, and other OSErrors; ValueError for a larger answer or one that is not HTTP.
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ValueError(f"{url}: an address begins with http:// or https://")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=deadline_s)
    expired = threading.Event()
    held: list[socket.socket] = []  # http.client forgets its socket when the answer ends with the connection

    def expire() -> None:
        expired.set()
        for one in held:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(deadline_s, expire)
    timer.daemon = True
    timer.start()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.connect()
        held.append(connection.sock)
        if body is None:
            connection.request("GET", path)
        else:
            text = json.dumps(body).encode()
            connection.request("POST", path, body=text, headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read(max_bytes + 1)
    except http.client.HTTPException as error:
        _check_time(expired, deadline_s)
        raise ValueError(f"no HTTP answer ({type(error).__name__})") from error
    except OSError:
        _check_time(expired, deadline_s)
        raise
    finally:
        timer.cancel()
        connection.close()
    _check_time(expired, deadline_s)
    if len(content) > max_bytes:
        raise ValueError(f"answers with more than {max_bytes:,} bytes")
    if not 200 <= answer.status < 300:
        raise StatusError(answer.status, answer.reason)
    return content


def _check_time(expired: threading.Event, deadline_s: float) -> None:
    if expired.is_set():
        raise TimeoutError(f"no full answer within {deadline_s:g} s")


def fetch_json(url: str, *, deadline_s: float = 10.0, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON that `url` answers, None for an empty body. Raises OSError, ValueError."""
    content = fetch(url, deadline_s=deadline_s, body=body)
    try:
        return json.loads(content) if content.strip() else None
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def base_url(url: str) -> str:
    """The address without the API's path. Raises InputError for what is not a server's address."""
    base = url.rstrip("/").removesuffix("/v1")
    if not base.startswith(("http://", "https://")):
        raise InputError(f"{url}: an endpoint begins with http:// or https://")
    try:
        parts = urlsplit(base)
        valid = bool(parts.hostname) and parts.port != 0 and base.isascii() and base.isprintable()
    except ValueError:
        valid = False
    if not valid or " " in base:
        raise InputError(f"{url!r}: is not a server's address; write http://HOST:PORT")
    return base


def is_loopback(url: str) -> bool:
    """Whether an address is one of this machine alone."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
