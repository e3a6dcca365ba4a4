"""`quantadvise prices update | show`: what clouds ask for GPUs today, fetched when asked, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli import options as o
from advisor.cli.commands.catalog import show
from advisor.cli.help import App
from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.spec.hardware.live_prices import LivePrices

app = App(help="What clouds ask for GPUs: fetch today's prices, show those kept.", no_args_is_help=True)


@app.command()
def update() -> None:
    """Fetch today's prices of many clouds with gpuhunt, into the cache folder.

    quantadvise prices update
    """
    from advisor.cli.progress import working
    from advisor.spec.hardware.live_catalog import folder, read_catalog
    from advisor.spec.hardware.live_fetch import fetch
    from advisor.spec.hardware.price_age import today

    with working("Fetching prices"):
        rows = fetch(folder(), today=today())
    catalog = read_catalog(folder())
    assert catalog is not None, "what was just written is there"
    gpus = len({machine.gpu for machine in catalog.machines})
    kept = [name for name in catalog.versions if name not in rows]
    typer.echo(
        f"{folder()}: {len(catalog.machines):,} prices of {gpus} GPUs known here, of "
        f"{', '.join(sorted(rows))} (gpuhunt {catalog.gpuhunt})"
    )
    if kept:
        typer.echo(f"quantadvise: not fetched, kept as they were: {', '.join(kept)}", err=True)


@app.command("show")
def show_prices(
    gpu: Annotated[
        str | None,
        typer.Argument(metavar="GPU", help="GPU whose price is shown at every provider and region."),
    ] = None,
    spot: Annotated[
        bool, typer.Option("--spot", help="Prices of spot machines, which the provider may take back.")
    ] = False,
    region: o.RegionOption = None,
    output: o.OutputOption = o.Output.table,
) -> None:
    """Show the fetched prices: the one that answers use for each GPU, or every offer of one GPU, cheapest
    first.

    quantadvise prices show H100
    """
    from advisor.advise.price_source import live_prices

    live = live_prices("live-spot" if spot else "live", region=region)
    assert live is not None, "live prices are what is asked for"
    for note in live.notes():
        typer.echo(f"quantadvise: {note}", err=True)
    rows = _of_each(live) if gpu is None else _of_one(live, gpu)
    if not rows:
        what = "of any GPU" if gpu is None else f"of {gpu}"
        raise InputError(f"prices: none {what} here ({live.term}); quantadvise prices update fetches today's")
    heads = None
    if output is o.Output.table:
        heads = {key: head for key, head in _HEADS.items() if key in rows[0]}
        typer.echo(_heading(live, gpu))
    show(rows, output, "prices", heads)


_HEADS = {
    "gpu": "GPU",
    "usd_per_gpu_hour": "USD per GPU-hour",
    "gpus": "GPUs of it",
    "provider": "provider",
    "machine": "machine",
    "region": "region",
    "date": "date",
    "days_old": "days old",
    "of": "chosen as",
}


def _heading(live: LivePrices, gpu: str | None) -> str:
    """What prices these are, and what a row is."""
    from advisor.spec.hardware.price_age import OLD_DAYS

    whose = "the shipped table's" if live.catalog is None else "gpuhunt's"
    of = "of each GPU the one that answers take" if gpu is None else f"every offer of {gpu}"
    return f"Prices, {live.term}, {whose}: {of}. One of over {OLD_DAYS} days is old."


def _of_each(live: LivePrices) -> list[dict[str, object]]:
    from advisor.spec.hardware.catalog import known_gpus
    from advisor.spec.hardware.price_age import days_old
    from advisor.spec.hardware.prices import price_of

    rows: list[dict[str, object]] = []
    for gpu in known_gpus():
        shipped = live.catalog is None
        price = price_of(gpu, 1, term=live.term) if shipped else live.price(gpu, 1)
        if price is not None:
            rows.append(
                {
                    "gpu": gpu.name,
                    "usd_per_gpu_hour": round(price.usd_per_gpu_hour, 4),
                    "gpus": price.num_gpus,
                    "provider": price.provider,
                    "machine": price.machine or None,
                    "region": price.region or None,
                    "date": price.date,
                    "days_old": days_old(price.date, live.today),
                    "of": price.note,
                }
            )
    return rows


def _of_one(live: LivePrices, name: str) -> list[dict[str, object]]:
    from advisor.spec.hardware.gpu_by_name import find_gpu
    from advisor.spec.hardware.price_age import days_old
    from advisor.spec.hardware.prices import offers

    gpu = find_gpu(name)
    if live.catalog is None:
        return [
            {
                "gpu": gpu.name,
                "usd_per_gpu_hour": round(usd / size, 4),
                "gpus": size,
                "provider": offer.provider,
                "machine": None,
                "region": None,
                "date": offer.date,
                "days_old": days_old(offer.date, live.today),
            }
            for size, usd, offer in sorted(
                ((size, usd, offer) for offer in offers(gpu, term=live.term) for size, usd in offer.bundles),
                key=lambda one: (one[1] / one[0], one[2].provider),
            )
        ]
    machines = [
        (machine.usd_per_hour / size, machine)
        for place in live.places(gpu.name)
        for size, machine in place.machines.items()
    ]
    return [
        {
            "gpu": gpu.name,
            "usd_per_gpu_hour": round(usd, 4),
            "gpus": machine.num_gpus,
            "provider": machine.provider,
            "machine": machine.name,
            "region": machine.region,
            "date": live.catalog.fetched.isoformat(),
            "days_old": live.catalog.age_days(live.today),
        }
        for usd, machine in sorted(
            machines, key=lambda one: (one[0], one[1].provider, one[1].region, one[1].name)
        )
    ]
