"""A small catalog of many clouds: gpuhunt's own items, written by its own writer, served as its own is."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

gpuhunt = pytest.importorskip("gpuhunt", reason="the extra `prices` is not installed")

VERSION = "20261130-101"


def item(
    provider: str,
    name: str,
    gpu: str,
    count: int,
    price: float,
    *,
    memory: float = 80.0,
    region: str = "us-east-1",
    spot: bool = False,
    flags: list[str] | None = None,
    vendor: str = "nvidia",
) -> Any:
    """One of gpuhunt's own items; `price` is USD per hour of the whole machine."""
    return gpuhunt.CatalogItem(
        provider=provider, instance_name=name, location=region, price=price, cpu=32, memory=256.0,
        gpu_count=count, gpu_name=gpu, gpu_memory=memory, spot=spot, disk_size=None, flags=flags or [],
        gpu_vendor=gpuhunt.AcceleratorVendor.cast(vendor),
    )  # fmt: skip


ITEMS = (
    # An H100 comes by eight at AWS and OCI, one by one at Nebius, both ways at Lambda.
    item("aws", "p5.48xlarge", "H100", 8, 55.04),
    item("aws", "p5.48xlarge", "H100", 8, 60.54, region="eu-north-1"),
    item("aws", "p5.48xlarge", "H100", 8, 26.0, spot=True),
    item("oci", "BM.GPU.H100.8", "H100", 8, 80.0, region="us-ashburn-1"),
    item("nebius", "gpu-h100-sxm", "H100", 1, 2.95, region="eu-north1"),
    item("nebius", "gpu-h100-sxm", "H100", 8, 23.6, region="eu-north1"),
    item("lambdalabs", "gpu_1x_h100_pcie", "H100", 1, 2.49, region="us-west-1"),
    item("lambdalabs", "gpu_1x_h100_sxm5", "H100", 1, 3.29, region="us-west-1"),
    item("lambdalabs", "gpu_8x_h100_sxm5", "H100", 8, 23.92, region="us-west-1"),
    # A B200 comes by eight and in no other way.
    item("aws", "p6-b200.48xlarge", "B200", 8, 113.93, memory=180.0),
    item("aws", "p6-b200.48xlarge", "B200", 8, 60.0, memory=180.0, spot=True),
    item("oci", "BM.GPU.B200.8", "B200", 8, 120.0, memory=180.0, region="us-ashburn-1"),
    item("gcp", "a4-highgpu-8g", "B200", 8, 40.0, memory=180.0, flags=["gcp-dws-calendar-mode"]),
    item("aws", "g6e.xlarge", "L40S", 1, 1.861, memory=48.0),
    item("aws", "g6e.12xlarge", "L40S", 4, 10.493, memory=48.0),
    item("runpod", "NVIDIA L40S", "L40S", 1, 0.86, memory=48.0, region="EU-RO-1"),
    item("runpod", "NVIDIA L40S", "L40S", 1, 0.40, memory=48.0, region="SE"),
    item("azure", "Standard_NC24ads_A100_v4", "A100", 1, 3.673, region="westeurope"),
    item("azure", "Standard_ND96asr_v4", "A100", 8, 27.2, memory=40.0, region="westeurope"),
    item("runpod", "MI300X OAM", "MI300X", 8, 20.0, memory=192.0, region="EU-RO-1", vendor="amd"),
    item("gcp", "ct6e-standard-1t", "v6e", 1, 2.7, memory=32.0, region="us-east5-a", vendor="google"),
)  # fmt: skip


def dump(provider: str, path: Path) -> Path:
    """One provider's items, by gpuhunt's own writer."""
    from gpuhunt._internal import storage

    storage.dump([one for one in ITEMS if one.provider == provider], str(path))
    return path


PROVIDERS = tuple(dict.fromkeys(one.provider for one in ITEMS))


def publish(folder: Path, providers: tuple[str, ...] = PROVIDERS, version: str = VERSION) -> None:
    """The tree that gpuhunt downloads from: each provider's newest version, and the zipped file of it."""
    for provider in providers:
        of = folder / provider / version
        of.mkdir(parents=True)
        (folder / provider / "version").write_text(f"{version}\n", encoding="utf-8")
        with zipfile.ZipFile(of / "catalog.zip", "w") as zipped:
            zipped.write(dump(provider, of / "items.csv"), f"{provider}.csv")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: the test's output is not a log."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address that `folder` is served at, on this machine alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
