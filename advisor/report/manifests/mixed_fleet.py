"""A folder for a fleet of several kinds of GPU: one folder for each kind, and the router before them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path

from advisor.advise.mixed.fleet import FleetPart, Mix
from advisor.display_text import deployment_text, number
from advisor.report.manifests.named_deployment import PORT, Subject, slug, subject_of, yaml_text
from advisor.report.manifests.write_folder import README, texts, write_files
from advisor.report.terminal.mixed.fleet_words import KEEPS_ITSELF, fleet_headline, kind_columns
from advisor.report.terminal.question_and_evidence import workload_lines
from advisor.spec.workloads.workload import Workload

NGINX, ROUTE, LITELLM = "router/nginx.conf", "router/httproute.yaml", "router/litellm.yaml"
ROUTER_PORT = 8080
READ_TIMEOUT_S = 3_600
"""A long answer that is streamed may pause; nginx gives up after a minute unless told otherwise."""
KIND_LENGTH = 20
"""Longest name of a kind, in characters: a Kubernetes name must hold the model's beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A kind of the fleet with the name of its folder, its Service and its machines."""

    name: str
    part: FleetPart
    subject: Subject

    @property
    def hosts(self) -> list[str]:
        """One address for each replica: names to be replaced by those of the machines."""
        return [f"{self.name}-{n}:{PORT}" for n in range(1, self.part.deployment.replicas + 1)]


def write_fleet(mix: Mix, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the folder; the paths written, README.md first.

    Raises InputError, before anything is written, when a file would be lost, and when the folder cannot be
    written; UnsupportedError where there is no fleet or a kind cannot be run.
    """
    return write_files(fleet_texts(mix), folder, overwrite=overwrite)


def fleet_texts(mix: Mix) -> dict[str, str]:
    """Every file of the folder by its name in it."""
    members = members_of(mix)
    found = {NGINX: nginx_conf(members, mix.workload), LITELLM: litellm_yaml(members, mix.workload)}
    if all(member.subject.num_nodes == 1 for member in members):
        found[ROUTE] = http_route_yaml(members, mix.workload)
    for member in members:
        own = texts(member.part.assessment, _under(mix.workload, member.part), kind=member.name)
        found |= {f"{member.name}/{name}": text for name, text in own.items()}
    return {README: readme_text(mix, members, ROUTE in found), **found}


def members_of(mix: Mix) -> list[Member]:
    """The kinds of the fleet, each under a name of its own."""
    assert mix.fleet is not None, "a folder is written for a fleet"
    made: list[Member] = []
    for part in mix.fleet.parts:
        of = part.deployment
        name = slug(f"{of.gpu.label}-{of.format.name}", KIND_LENGTH)
        while any(member.name == name for member in made):
            name = f"{name[: KIND_LENGTH - 2].rstrip('-')}-{len(made) + 1}"
        made.append(
            Member(name=name, part=part, subject=subject_of(part.assessment, mix.workload, kind=name))
        )
    return made


def _under(workload: Workload, part: FleetPart) -> Workload:
    """The workload with the kind's share of the load."""
    arrival = replace(workload.load.arrival, value=part.load)
    return replace(workload, load=replace(workload.load, arrival=arrival))


def nginx_conf(members: Sequence[Member], workload: Workload) -> str:
    """A whole configuration for nginx: an open loop is split at random, which leaves it as it comes; a closed
    loop keeps so many requests in flight on each replica."""
    split = _split_by_share(members) if workload.load.arrival.kind == "rate" else _held_in_flight(members)
    to = "$kind" if workload.load.arrival.kind == "rate" else "fleet"
    return f"""\
# Shares requests out between the kinds of GPU: nginx -p "$PWD" -c nginx.conf
# Put the addresses of your machines in the place of these names.
pid nginx.pid;
error_log stderr;
events {{
  worker_connections 16384;
}}
http {{
  access_log off;
{split}
  server {{
    listen {ROUTER_PORT};
    client_max_body_size 64m;
    location / {{
      proxy_pass http://{to};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;  # tokens are passed on as they come
      proxy_read_timeout {READ_TIMEOUT_S}s;
    }}
  }}
}}
"""


def _split_by_share(members: Sequence[Member]) -> str:
    """A kind by its share of requests, then the least busy of its replicas."""
    shares = [f"    {100 * member.part.share:.2f}% {member.name};" for member in members[:-1]]
    lines = ["  split_clients $request_id $kind {", *shares, f"    * {members[-1].name};", "  }"]
    for member in members:
        lines += [
            f"  upstream {member.name} {{",
            *_balanced(member.name, (f"    server {h};" for h in member.hosts)),
            "  }",
        ]
    return "\n".join(lines)


def _held_in_flight(members: Sequence[Member]) -> str:
    """The replica with the fewest requests for its weight, which is what it should hold."""
    replicas = [member.part.deployment.replicas for member in members]
    least = 1
    for count in replicas:
        least = least * count // gcd(least, count)
    weights = [m.part.weight * least // count for m, count in zip(members, replicas, strict=True)]
    common = gcd(*weights)
    servers = [
        f"    server {host} weight={weight // common};"
        for member, weight in zip(members, weights, strict=True)
        for host in member.hosts
    ]
    return "\n".join(["  upstream fleet {", *_balanced("fleet", servers), "  }"])


def _balanced(name: str, servers: Iterable[str]) -> list[str]:
    """`zone`: all workers of nginx count requests together."""
    return [f"    zone {name} 64k;", "    least_conn;", *servers]


def http_route_yaml(members: Sequence[Member], workload: Workload) -> str:
    """Gateway API: requests by weight to the Service of each kind."""
    document = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": slug(members[0].part.deployment.model.name)},
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "rules": [
                {
                    "backendRefs": [
                        {"name": m.subject.name, "port": PORT, "weight": weight}
                        for m, weight in zip(members, _request_weights(members, workload), strict=True)
                    ]
                }
            ],
        },
    }
    comments = ("Name your Gateway under parentRefs; the weights are shares of the requests.",)
    return yaml_text(document, comments=comments)


def litellm_yaml(members: Sequence[Member], workload: Workload) -> str:
    """A configuration for LiteLLM's proxy: each replica with its share of the requests as its weight."""
    replicas = [
        {
            "model_name": member.subject.served_name,
            "litellm_params": {
                "model": f"hosted_vllm/{member.subject.served_name}",
                "api_base": f"http://{host}/v1",
                "weight": round(weight / len(member.hosts), 3),
            },
        }
        for member, weight in zip(members, _request_weights(members, workload), strict=True)
        for host in member.hosts
    ]
    document = {"model_list": replicas, "router_settings": {"routing_strategy": "simple-shuffle"}}
    comments = (
        f"Shares requests out between the kinds of GPU: litellm --config litellm.yaml --port {ROUTER_PORT}",
        "Put the addresses of your machines in the place of these names.",
    )
    return yaml_text(document, comments=comments)


def _request_weights(members: Sequence[Member], workload: Workload) -> list[int]:
    """Requests of 1,000 that each kind answers; in a closed loop a faster kind answers more."""
    if workload.load.arrival.kind == "rate":
        return [member.part.weight for member in members]
    served = [member.part.assessment.requests_per_s for member in members]
    rates = [0.0 if rate is None else rate.value for rate in served]
    return [max(1, round(1_000 * rate / sum(rates))) for rate in rates]


def readme_text(mix: Mix, members: Sequence[Member], routed: bool) -> str:
    """What each folder is for, how the load is shared out, and how to check the whole."""
    assert mix.fleet is not None
    model = members[0].part.deployment.model
    folders = [
        f"- `{m.name}/`: {deployment_text(m.part.deployment)}; begin with its README.md" for m in members
    ]
    others = [f"- `{LITELLM}`: the same for LiteLLM's proxy, by weight alone: it counts nothing in flight"]
    if routed:
        others.append(
            f"- `{ROUTE}`: the same in a cluster, with Gateway API; before llm-d name its InferencePools as "
            "backends there, since the picker of one pool knows load and caches, and no weights of kinds"
        )
    value = mix.workload.load.arrival.value or 0.0
    level = "--request-rate" if mix.workload.load.arrival.kind == "rate" else "--max-concurrency"
    parts = [
        f"# {model.name}: {len(members)} kinds of GPU",
        fleet_headline(mix.fleet) + ".",
        "```text\n" + "\n".join(workload_lines(mix.workload)) + "\n```",
        "## Files",
        "\n".join([*folders, f"- `{NGINX}`: the router, for nginx", *others]),
        "## How the load is shared out",
        _table(mix),
        f"{KEEPS_ITSELF} `at most` is the highest load at which a kind does so with the confidence asked "
        "for. "
        "The weights are for these replicas: ask again before you change their number. All kinds answer to "
        f"the name `{members[0].subject.served_name}`.",
        "## Check it",
        "The scripts under each folder's `verify/` check that kind under its share. The whole, through the "
        f"router: `BASE_URL=http://ROUTER:{ROUTER_PORT} {members[0].name}/verify/vllm_bench.sh "
        f"{level} {number(value, digits=6).replace(',', '')}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(mix: Mix) -> str:
    columns = kind_columns(mix)
    rows = [[column.head for column in columns], ["---"] * len(columns)]
    rows += [[column.cells[row] for column in columns] for row in range(len(columns[0].cells))]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
