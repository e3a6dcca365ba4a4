"""The server on its port: whom it answers, and what it says."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from advisor import load_workload, recommend
from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.spec.workloads.profile_flags import override
from advisor.ui.answers import Answerer, Superseded
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.ui.page import FIRST, ui_page
from advisor.ui.server import Server
from tests.report.page import read_page


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(0, ui_page({}, OwnInputs()), Answerer(shipped_predictor(), shipped_quality(), OwnInputs()))
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(timeout=5)


def get(server: Server, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Any:
    """(status, headers, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=180)
    connection.request(method, path, headers=dict(headers or {}))
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.headers, body


def ask(server: Server, what: str = "answer", **said: str) -> Any:
    status, _, body = get(server, f"/api/{what}?{urlencode({**FIRST, **said})}")
    return status, json.loads(body)


def test_it_listens_on_loopback_alone(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no other address to try")
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection((own, server.server_port), timeout=2),
    ):
        pass


def test_another_name_that_leads_here_is_refused(server: Server) -> None:
    """DNS rebinding: a page of evil.example whose name now means 127.0.0.1."""
    for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1:1", ""):
        for path in ("/", "/api/answer?model=Llama-3.1-8B-Instruct"):
            status, _, body = get(server, path, {"Host": host})
            assert status == 421
            assert "own address" in json.loads(body)["error"]
    for host in (f"localhost:{server.server_port}", f"127.0.0.1:{server.server_port}"):
        assert get(server, "/", {"Host": host})[0] == 200


def test_the_page_is_packed_for_a_browser_that_unpacks_it(server: Server) -> None:
    host = f"127.0.0.1:{server.server_port}"
    packed = raw(
        server,
        f"GET / HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n".encode(),
    )
    head, _, body = packed.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    plain = get(server, "/")[2]
    assert gzip.decompress(body).decode() == plain
    assert len(body) < len(plain) / 2


def test_another_sites_page_is_refused(server: Server) -> None:
    for site in ("cross-site", "same-site"):
        assert get(server, "/api/answer", {"Sec-Fetch-Site": site})[0] == 403
    assert get(server, "/", {"Sec-Fetch-Site": "none"})[0] == 200


def raw(server: Server, request: bytes) -> bytes:
    """What the server sends for bytes that no HTTP library would send."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_a_foreign_origin_and_a_second_host_are_refused(server: Server) -> None:
    assert get(server, "/api/answer", {"Origin": "http://evil.example"})[0] == 403
    assert get(server, "/api/answer", {"Origin": "null"})[0] == 403
    host = f"127.0.0.1:{server.server_port}"
    assert get(server, "/", {"Origin": f"http://{host}"})[0] == 200
    answer = raw(server, f"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /api/answer HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\r\n",
    ],
    ids=["another method", "no request", "another version", "TLS"],
)
def test_what_is_no_question_is_refused_with_the_guards(server: Server, request_: bytes) -> None:
    answer = raw(server, request_)
    assert answer.split()[1][:1] in (b"4", b"5")
    for name in (b"X-Content-Type-Options: nosniff", b"X-Frame-Options: DENY", b"Cache-Control: no-store"):
        assert name in answer
    assert b"Python" not in answer


def test_a_browser_that_goes_away_leaves_no_traceback(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    host = f"127.0.0.1:{server.server_port}"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # reset, not closed
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert get(server, "/")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_every_answer_is_guarded(server: Server) -> None:
    for path in ("/", "/api/answer?model=nonsense", "/nowhere"):
        _, headers, _ = get(server, path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers
        assert "Python" not in headers["Server"]


def test_the_page_may_ask_its_own_server_and_nobody_else(server: Server) -> None:
    page = read_page(get(server, "/")[2])
    policy = page.where("http-equiv")[0].attributes["content"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    for element in page.walk():
        for name in ("src", "href", "action"):
            value = element.attributes.get(name, "")
            assert not value.startswith(("http", "//")), f"<{element.name} {name}={value[:60]}>"
    named = {e.attributes["name"] for e in page.where("name") if e.name in ("input", "select")}
    assert {"model", "gpu", "workload", "load", "level", "ttft", "price", "recovery"} <= named


def test_an_answer_is_what_recommend_says(server: Server) -> None:
    status, answer = ask(server, load="rate", level="8", recovery="0.97")
    assert status == 200
    workload = override(load_workload("chat"), rate=8.0, min_recovery=0.97)
    winner = recommend("Llama-3.1-8B-Instruct", workload, gpus=FIRST["gpu"].split(",")).winner
    assert winner is not None
    assert (
        f"{winner.deployment.format.name} on 1× {winner.deployment.gpu.label}</span>"
        in answer["parts"]["first"]
    )
    assert answer["asked"]["level"] == 8
    assert answer["asked"]["shown"]["ttft"] == "500"
    status, rest = ask(server, "rest", load="rate", level="8", recovery="0.97")
    assert (status, "Why" in rest["folds"]) == (200, True)
    status, every = ask(server, "ranking", load="rate", level="8", recovery="0.97")
    assert status == 200
    assert "tradeoff" in {chart["drawings"][0]["name"] for chart in every["charts"]}
    assert 'id="ranking"' in every["tables"]
    status, sure = ask(server, "sure", load="rate", level="8", recovery="0.97")
    assert (status, "How sure" in sure["html"]) == (200, True)
    status, along = ask(server, "load", load="rate", level="8", recovery="0.97")
    assert [chart["drawings"][0]["name"] for chart in along["charts"]] == ["load"]
    status, document = ask(server, "document", load="rate", level="8", recovery="0.97")
    assert document["ranked"][0]["deployment"]["format"] == winner.deployment.format.name


def test_what_nobody_waits_for_any_more_is_left(server: Server) -> None:
    assert ask(server, load="rate", level="6")[0] == 200
    assert ask(server, load="rate", level="7")[0] == 200
    for what in ("sure", "load"):
        status, said = ask(server, what, load="rate", level="6")
        assert (status, said) == (409, {"error": "another question was asked meanwhile"})
    assert ask(server, load="rate", level="6")[0] == 200
    assert ask(server, "sure", load="rate", level="6")[0] == 200


def test_an_answer_does_not_wait_for_what_is_behind_it() -> None:
    """The load story gives way to the next question, and ends there."""
    answerer = Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    first, second = ({**FIRST, "load": "rate", "level": level} for level in ("2", "3"))
    answerer.answer(first)
    begun, seen = threading.Event(), []
    give_way = answerer._give_way

    def watched(said: Mapping[str, str]) -> None:
        begun.set()
        give_way(said)

    answerer._give_way = watched  # type: ignore[method-assign]

    def draw() -> None:
        try:
            answerer.along(first)
            seen.append("drawn")
        except Superseded:
            seen.append("superseded")

    drawing = threading.Thread(target=draw)
    drawing.start()
    assert begun.wait(timeout=60)
    assert "parts" in answerer.answer(second)
    drawing.join(timeout=60)
    assert seen == ["superseded"]


def test_a_price_moves_the_answer_and_not_the_predictions(server: Server) -> None:
    def first(price: str) -> str:
        _, answer = ask(server, load="rate", level="8", recovery="0.97", price=price)
        return read_page(answer["parts"]["first"]).by_id("answer-title").text

    assert "L40S" in first("")
    assert "H100" in first("H100-SXM=0.2")
    assert "L40S" in first("")


def test_wrong_input_is_told_in_one_line(server: Server) -> None:
    status, said = ask(server, model="Lama-3.1-8B-Instruct")
    assert status == 422
    assert said["error"].startswith("--model: unknown model 'Lama-3.1-8B-Instruct'; did you mean")
    assert said["field"] == "model"
    status, said = ask(server, level="abc")
    assert (status, said["field"]) == (422, "level")
    assert said["words"].startswith("'abc' is not a rate")
    assert said["error"] == f"--rate: {said['words']}"
    status, _, body = get(server, f"/api/answer?{urlencode(FIRST)}&model=13B")
    assert (status, json.loads(body)["field"]) == (422, "model")
    status, said = ask(server, input="999999")
    assert status == 422
    assert "longer than" in said["error"]


def test_what_cannot_be_varied_is_told(server: Server) -> None:
    ask(server)
    status, said = ask(server, "load", over="colour")
    assert status == 422
    assert said["error"].startswith("over: 'colour' cannot be varied; known: concurrency, rate, ")


def test_gpus_in_another_order_are_the_same_question() -> None:
    """The command answers the first question before a page asks it, whose boxes stand in another order."""
    answerer = Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    answerer.answer({**FIRST, "gpu": "L40S,A6000", "formats": "fp8,int8"})
    answerer.answer({**FIRST, "gpu": "A6000, L40S", "formats": "int8,fp8"})
    assert len(answerer._known) == 1
    answerer.answer({**FIRST, "gpu": "A6000", "formats": "int8,fp8"})
    assert len(answerer._known) == 2


def test_conversations_say_why_there_is_no_load_story(server: Server) -> None:
    ask(server, workload="conversation", load="rate", level="6")
    status, said = ask(server, "load", workload="conversation", load="rate", level="6")
    assert (status, said["charts"]) == (200, [])
    assert said["none"].startswith("Conversations are simulated at one load")


def test_markup_in_a_question_comes_back_as_text(server: Server) -> None:
    status, said = ask(server, model="<script>alert(1)</script>")
    assert status == 422
    assert "<script>" in said["error"]  # JSON, shown by textContent
    _, headers, _ = get(server, "/api/answer?model=<script>".replace("<", "%3C").replace(">", "%3E"))
    assert headers["Content-Type"].startswith("application/json")


def test_head_and_unknown_paths(server: Server) -> None:
    status, headers, body = get(server, "/", method="HEAD")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) > 900_000
    assert get(server, "/etc/passwd")[0] == 404
    assert get(server, "/api/answer?" + "a" * 20_000)[0] == 414
    assert get(server, "/", method="POST")[0] == 404
    assert get(server, "/", method="PUT")[0] == 501


def test_a_model_of_ones_own_is_not_taken_for_the_known_one() -> None:
    """What was computed for one model is not told of another of the same name."""
    from dataclasses import replace

    from advisor.spec.models.catalog import find_model

    known = find_model("Llama-3.1-8B-Instruct")
    small = replace(known, groups=tuple(replace(g, count=g.count // 2) for g in known.groups))
    answerer = Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    one = answerer.answer({"model": "Llama-3.1-8B-Instruct", "gpu": "L40S"})
    answerer._known.clear()
    answerer.own_inputs = OwnInputs(models={"Llama-3.1-8B-Instruct": small})
    other = answerer.answer({"model": "Llama-3.1-8B-Instruct", "gpu": "L40S"})
    assert one["parts"] != other["parts"]


def test_fifty_browsers_at_once_are_all_answered(server: Server) -> None:
    """Each asks for the page and for an answer of its own, and gets both."""
    from concurrent.futures import ThreadPoolExecutor

    def browse(k: int) -> list[int]:
        page = get(server, "/")[0]
        answer, _ = ask(server, model="Llama-3.1-8B-Instruct", load="concurrency", level=str(1 + k))
        return [page, answer]

    with ThreadPoolExecutor(50) as clients:
        statuses = [status for pair in clients.map(browse, range(50)) for status in pair]
    assert set(statuses) <= {200, 409}  # 409: another question was asked meanwhile
    assert statuses.count(200) >= 51


def post(server: Server, name: str, content: bytes, headers: Mapping[str, str] | None = None) -> Any:
    """(status, what is told)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=180)
    path = f"/api/file?{urlencode({'name': name})}"
    connection.request("POST", path, body=content, headers=dict(headers or {}))
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    return response.status, told


def test_a_file_that_was_dropped_can_be_asked_for(server: Server) -> None:
    status, told = post(server, "mine.yaml", b"extends: chat\nname: of-mine\ninput_tokens: 700\n")
    assert (status, told["kind"], told["name"]) == (200, "workload", "of-mine")
    status, answer = ask(server, workload="of-mine")
    assert (status, answer["asked"]["shown"]["input"]) == (200, "700")
    # Dropped again under the same name, it is the new one.
    post(server, "mine.yaml", b"extends: chat\nname: of-mine\ninput_tokens: 900\n")
    assert ask(server, workload="of-mine")[1]["asked"]["shown"]["input"] == "900"
    assert "--workload of-mine.yaml" in ask(server, "command", workload="of-mine")[1]["command"]


def test_a_file_that_is_wrong_is_told_in_one_line(server: Server) -> None:
    status, told = post(server, "mine.yaml", b"extends: chat\nslo: {ttft_p95_ms: soon}\n")
    assert status == 422
    assert told["error"].startswith("mine.yaml:2: slo.ttft_p95_ms:")


def test_a_file_comes_from_its_own_page_alone(server: Server) -> None:
    good = b"extends: chat\n"
    assert post(server, "x.yaml", good, {"Origin": "http://evil.example"})[0] == 403
    assert post(server, "x.yaml", good, {"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert post(server, "x.yaml", good, {"Host": "evil.example"})[0] == 421
    origin = f"http://127.0.0.1:{server.server_port}"
    assert post(server, "x.yaml", good, {"Origin": origin, "Sec-Fetch-Site": "same-origin"})[0] == 200


@pytest.mark.parametrize(
    ("length", "status"), [("", 411), ("-1", 411), ("many", 411), ("9" * 9, 413), ("9" * 5000, 413)]
)
def test_a_length_that_cannot_be_is_refused_before_anything_is_read(
    server: Server, length: str, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as to:
        head = f"POST /api/file?name=x.yaml HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
        to.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
        assert to.recv(64).startswith(f"HTTP/1.1 {status} ".encode())


def test_every_view_of_an_answer_is_there(server: Server) -> None:
    said = {"load": "rate", "level": "8", "recovery": "0.97"}
    assert ask(server, **said)[0] == 200
    status, sure = ask(server, "sure", **said)
    assert (status, 'data-slides="price:L40S"' in sure["prices"]) == (200, True)
    status, following = ask(server, "next", **said)
    assert (status, "What to measure next" in following["html"]) == (200, True)
    status, mixed = ask(server, "mixed", **said)
    assert (status, "kind" in mixed["html"]) == (200, True)
    status, figures = ask(server, "figures", **said)
    assert (status, figures["headline"]) == (200, ask(server, **said)[1]["headline"])
    assert ask(server, "rows", **said)[1]["text"].startswith("rank,")
    assert ask(server, "folder", **said)[1]["base64"].startswith("UEs")


def test_what_cannot_be_mixed_says_why(server: Server) -> None:
    said = {"load": "single", "at": "none"}
    assert ask(server, **said)[0] == 200
    status, told = ask(server, "mixed", **said)
    assert (status, "give --rate" in told["error"]) == (422, True)


def test_comparing_supersedes_no_question(server: Server) -> None:
    assert ask(server, load="rate", level="6")[0] == 200
    assert ask(server, "figures", load="rate", level="7")[0] == 200
    assert ask(server, "sure", load="rate", level="6")[0] == 200
