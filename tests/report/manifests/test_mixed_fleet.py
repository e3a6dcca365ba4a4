"""The folder of a fleet: a folder for each kind, one name for all, and a router that keeps the shares."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest
import yaml

from advisor.advise.mixed.fleet import Mix
from advisor.errors import InputError
from advisor.report.manifests import fleet_texts, write_fleet
from advisor.report.manifests.mixed_fleet import LITELLM, NGINX, ROUTE, members_of
from tests.advise.mixed.build import cheaper, in_flight, owned

ROUTE_SCHEMA = json.loads(
    Path(__file__).with_name("gateway_httproute.schema.json").read_text(encoding="utf-8")
)
MIXES = {"cheaper": cheaper, "in flight": in_flight, "owned": owned}


def mix_named(name: str) -> Mix:
    return MIXES[name]()[1]


@pytest.mark.parametrize("name", MIXES)
def test_every_kind_has_its_folder_and_all_answer_to_one_name(name: str) -> None:
    mix = mix_named(name)
    files = fleet_texts(mix)
    members = members_of(mix)
    assert len({member.subject.name for member in members}) == len(members)
    for member in members:
        config = yaml.safe_load(files[f"{member.name}/vllm.yaml"])
        assert config["served-model-name"] == "meta-llama/Llama-3.1-8B-Instruct"
        deployment = yaml.safe_load(files[f"{member.name}/kubernetes/deployment.yaml"])
        assert deployment["spec"]["replicas"] == member.part.deployment.replicas
        assert f"{member.name}/kubernetes/autoscaler.yaml" not in files
        bench = files[f"{member.name}/verify/vllm_bench.sh"]
        assert re.search(rf"--(request-rate|max-concurrency) {member.part.load:g}\b", bench)
        assert f"`{member.name}/`" in files["README.md"]


@pytest.mark.parametrize("name", MIXES)
def test_the_route_names_each_service_with_its_weight(name: str) -> None:
    files = fleet_texts(mix_named(name))
    route = yaml.safe_load(files[ROUTE])
    jsonschema.Draft202012Validator(ROUTE_SCHEMA).validate(route)
    [rule] = route["spec"]["rules"]
    services = [
        yaml.safe_load(text)["metadata"]["name"]
        for path, text in files.items()
        if path.endswith("kubernetes/service.yaml")
    ]
    assert [backend["name"] for backend in rule["backendRefs"]] == services
    assert sum(backend["weight"] for backend in rule["backendRefs"]) == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("name", ["cheaper", "in flight"])
def test_litellm_weighs_replicas_by_their_share_of_the_requests(name: str) -> None:
    """The form that LiteLLM's own Router reads: weights of `simple-shuffle` stand among litellm_params."""
    files = fleet_texts(mix_named(name))
    proxy, route = yaml.safe_load(files[LITELLM]), yaml.safe_load(files[ROUTE])
    assert proxy["router_settings"] == {"routing_strategy": "simple-shuffle"}
    assert len({entry["model_name"] for entry in proxy["model_list"]}) == 1
    weights = [entry["litellm_params"]["weight"] for entry in proxy["model_list"]]
    backends = [backend["weight"] for backend in route["spec"]["rules"][0]["backendRefs"]]
    assert sum(weights) == pytest.approx(sum(backends), abs=0.1)
    hosts = [host for member in members_of(mix_named(name)) for host in member.hosts]
    assert [entry["litellm_params"]["api_base"] for entry in proxy["model_list"]] == [
        f"http://{host}/v1" for host in hosts
    ]


def test_two_kinds_with_one_name_get_two() -> None:
    mix = mix_named("cheaper")
    assert mix.fleet is not None
    part = mix.fleet.parts[0]
    twice = replace(mix, fleet=replace(mix.fleet, parts=(part, part)))
    assert len({member.name for member in members_of(twice)}) == 2


def test_files_are_not_lost(tmp_path: Path) -> None:
    mix = mix_named("cheaper")
    written = write_fleet(mix, tmp_path)
    assert written[0] == tmp_path / "README.md"
    assert all(path.is_file() for path in written)
    with pytest.raises(InputError, match="exists already; --overwrite replaces it"):
        write_fleet(mix, tmp_path)
    assert write_fleet(mix, tmp_path, overwrite=True) == written


class Replica(BaseHTTPRequestHandler):
    """Answers with the port it was reached at, after a while."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.seconds)  # type: ignore[attr-defined]
        body = str(self.server.server_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def replicas(seconds: list[float]) -> Iterator[list[int]]:
    """A server for each, which takes so long to answer."""
    servers = []
    for each in seconds:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Replica)
        server.seconds = each  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    try:
        yield [server.server_address[1] for server in servers]
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def nginx(config: str, hosts: dict[str, int], folder: Path) -> Iterator[str]:
    """nginx with the written configuration, its names replaced by local servers; the address."""
    port = free_port()
    for name, to in hosts.items():
        config = config.replace(f"{name}:8000", f"127.0.0.1:{to}")
    (folder / "nginx.conf").write_text(config.replace("listen 8080", f"listen {port}"), encoding="utf-8")
    program = shutil.which("nginx")
    assert program is not None
    argv = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = (folder / "nginx.conf").read_text(encoding="utf-8").replace("http {", f"http {{ {temporary}")
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    running = subprocess.Popen([*argv, "-g", "daemon off;"], stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert running.poll() is None, running.stderr.read() if running.stderr else ""
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1/completions"
    finally:
        running.send_signal(signal.SIGQUIT)
        running.wait(timeout=30)


def post(address: str) -> int:
    request = urllib.request.Request(address, data=b"{}", headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.read())


needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


@needs_nginx
def test_nginx_shares_requests_out_as_the_fleet_says(tmp_path: Path) -> None:
    mix = mix_named("cheaper")
    members = members_of(mix)
    names = [(host.split(":")[0], member) for member in members for host in member.hosts]
    with replicas([0.0] * len(names)) as ports:
        hosts = {name: port for (name, _), port in zip(names, ports, strict=True)}
        with nginx(fleet_texts(mix)[NGINX], hosts, tmp_path) as address:
            reached = Counter(post(address) for _ in range(1_000))
    for member in members:
        own = sum(reached[hosts[name]] for name, of in names if of.name == member.name)
        share = member.part.share
        assert own / 1_000 == pytest.approx(share, abs=4 * (share * (1 - share) / 1_000) ** 0.5)


@needs_nginx
def test_nginx_holds_requests_in_flight_by_weight(tmp_path: Path) -> None:
    """Clients that wait for their answers keep so many requests on each kind, however fast it is."""
    mix = mix_named("in flight")
    members = members_of(mix)
    names = [(host.split(":")[0], member) for member in members for host in member.hosts]
    clients, seconds = 30, [0.1 if member is members[0] else 0.4 for _, member in names]
    with replicas(seconds) as ports:
        hosts = {name: port for (name, _), port in zip(names, ports, strict=True)}
        with nginx(fleet_texts(mix)[NGINX], hosts, tmp_path) as address:
            reached: Counter[int] = Counter()

            def client() -> None:
                until = time.monotonic() + 4.0
                while time.monotonic() < until:
                    reached[post(address)] += 1

            threads = [threading.Thread(target=client) for _ in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    busy = {name: reached[hosts[name]] * each for (name, _), each in zip(names, seconds, strict=True)}
    for member in members:
        own = sum(busy[name] for name, of in names if of is member)
        assert own / sum(busy.values()) == pytest.approx(member.part.share, abs=0.1)
