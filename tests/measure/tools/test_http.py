"""One deadline and one size limit hold for the whole of an HTTP answer, whatever the server sends."""

from __future__ import annotations

import contextlib
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.measure.tools import http
from tests.measure.raw_server import Reply, drip, flood, ok, serving, status

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_good_answer():
    with serving({"/a?b=1": ok('{"x": 1}')}) as url:
        assert http.fetch_json(f"{url}/a?b=1") == {"x": 1}


@pytest.mark.parametrize(
    "reply",
    [
        drip(b"HTTP/1.1 200 OK\r\nX: y\r\n"),
        drip(b"1" * 999),
        lambda connection: connection.sendall(HEAD) or threading.Event().wait(),
        lambda connection: drip(b" ")(connection) if connection.sendall(HEAD) is None else None,
    ],
    ids=["headers for ever", "a status line for ever", "no body", "a body for ever"],
)
def test_an_answer_that_never_ends_is_cut_off_at_its_deadline(reply: Reply):
    with serving({"/": reply}) as url, pytest.raises(TimeoutError, match=r"no full answer within 0\.7 s"):
        http.fetch(url, deadline_s=0.7)


def test_an_endless_answer_is_cut_off_at_its_size():
    with (
        serving({"/": flood(HEAD, b"x" * 65_536)}) as url,
        pytest.raises(ValueError, match="more than 1,000,000 bytes"),
    ):
        http.fetch(url, max_bytes=1_000_000)


def test_a_status_that_is_no_success_is_an_error():
    with serving({"/": status(503)}) as url, pytest.raises(http.StatusError, match="answers 503"):
        http.fetch(url)


def test_deep_nesting_is_an_error_that_callers_expect():
    with (
        serving({"/": ok("[" * 200_000)}) as url,
        pytest.raises(ValueError, match=r"nested|Expecting|recursion"),
    ):
        http.fetch_json(url)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_an_error_that_callers_expect(content: bytes):
    with serving({"/": content}) as url, contextlib.suppress(OSError, ValueError):
        http.fetch_json(url, deadline_s=2)


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "ftp://x", "http://", "http://a b", "http://h:99999", "http://h:0", "http://\x1b"],
)
def test_what_is_no_address_of_a_server(url: str):
    with pytest.raises(InputError, match=r"begins with http|is not a server.s address"):
        http.base_url(url)
