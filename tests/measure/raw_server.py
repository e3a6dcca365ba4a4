"""A TCP server on loopback whose answers are bytes, good or hostile, by the path that is requested."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Reply = bytes | Callable[[socket.socket], None]
"""What is sent for a path: these bytes, or whatever a function does with the connection."""


def ok(body: str | bytes) -> bytes:
    """A good HTTP answer."""
    content = body.encode() if isinstance(body, str) else body
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(content), content)


def status(code: int) -> bytes:
    """An answer without a body."""
    return b"HTTP/1.1 %d Nope\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % code


def drip(text: bytes, every_s: float = 0.2) -> Callable[[socket.socket], None]:
    """Sends `text` again and again, a byte at a time, for as long as somebody listens."""

    def send(connection: socket.socket) -> None:
        while True:
            for byte in text:
                connection.sendall(bytes([byte]))
                time.sleep(every_s)

    return send


def flood(head: bytes, block: bytes) -> Callable[[socket.socket], None]:
    """Sends `head`, then `block` without end."""

    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(block)

    return send


@contextmanager
def serving(replies: Mapping[str, Reply], requests: list[str] | None = None) -> Iterator[str]:
    """The address of a server that answers by path; 404 elsewhere. Paths are noted in `requests`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65_536)
            head, _, body = received.partition(b"\r\n\r\n")
            length = next(
                (
                    int(line[15:])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            while len(body) < length:
                body += connection.recv(65_536)
            path = head.split(b" ")[1].decode()
            if requests is not None:
                requests.append(path)
            reply = replies.get(path, status(404))
            if callable(reply):
                reply(connection)
            else:
                connection.sendall(reply)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
