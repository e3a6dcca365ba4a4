"""`quantadvise recommend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli import html_file as h
from advisor.cli import options as o
from advisor.cli import write_deployment_folder as w
from advisor.cli.option_groups import Chosen, HostedApi, Named, grouped
from advisor.cli.options_to_choice import asked_choice
from advisor.errors import InputError, NothingFitsError

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.advise.certainty_and_sensitivity import Decision
    from advisor.advise.choose.choice import Choice
    from advisor.advise.choose.recommendation import Recommendation
    from advisor.advise.mixed.fleet import Mix
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel


@grouped
def recommend(
    *,
    named: Named,
    chosen: Chosen,
    allow_mixed: o.AllowMixedOption = False,
    api: HostedApi,
    output: o.OutputOption = o.Output.table,
    top: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help="Most deployments to print: 10 in a table, 50 in JSON and YAML, all in CSV by default.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Every figure of the best deployment, its bottleneck, and what would change the choice.",
        ),
    ] = False,
    write: w.WriteOption = None,
    row: w.RowOption = None,
    plot: Annotated[
        bool,
        typer.Option("--plot", help="The Pareto set as a plot, too.", rich_help_panel="Output"),
    ] = False,
    html: h.HtmlOption = None,
    overwrite: w.OverwriteOption = False,
) -> None:
    """Which format to deploy, on which GPU and how many: ranked, with the reasons and the commands.

    quantadvise recommend Llama-3.1-8B-Instruct --workload chat --gpu A6000
    """
    from advisor.advise.choose.recommendation import choose
    from advisor.cli.progress import working

    w.check_options(write, row, overwrite, html=html)
    h.check_html(html, overwrite=overwrite)
    _check_output(output, plot=plot, allow_mixed=allow_mixed)
    if api.api_price is not None and output is o.Output.csv and html is None:
        raise InputError("--api-price: --output csv lists deployments only; use table, json or yaml")
    rows = _rows(top, output)
    choice, predictor, quality = asked_choice(named, chosen, api, owned=allow_mixed)
    if allow_mixed:
        check_mixing(choice)
    with working(f"Judging every deployment of {choice.space.model.name}"):
        recommendation = choose(choice, predictor, quality)
    more = None
    if output is not o.Output.csv or html is not None:
        with working("Weighing how sure it is"):
            short = output is o.Output.table and html is None and not explain
            more = _decided(recommendation, predictor, quality, short=short, explain=explain)
    mix = mixed(recommendation, predictor, quality) if allow_mixed else None
    if mix is not None and mix.recommended and top is None:
        rows = _beside_a_fleet(output, rows)
    _print(recommendation, output, more, top=rows, explain=explain, mix=mix, plot=plot)
    h.write_html(recommendation, html, predictor, quality, more, mix)
    _write(recommendation, mix, write, row=row, overwrite=overwrite)


def _decided(
    recommendation: Recommendation,
    predictor: Predictor,
    quality: QualityModel,
    *,
    short: bool,
    explain: bool,
) -> Decision:
    """What is known beside the ranking; short: no more of it than a table without --explain prints."""
    from advisor.advise.certainty_and_sensitivity import decision, short_decision

    if short:
        return short_decision(recommendation, predictor=predictor, quality=quality)
    return decision(recommendation, predictor=predictor, quality=quality, explain=explain)


def _check_output(output: o.Output, *, plot: bool, allow_mixed: bool) -> None:
    """Refuse before any work what this form cannot show. Raises InputError."""
    if plot and output is not o.Output.table:
        raise InputError(f"--plot: it is for people; --output {output.value} is for programs, leave one out")
    if allow_mixed and output is o.Output.csv:
        raise InputError("--allow-mixed: a fleet of several kinds does not fit a CSV row; add --output json")


def _write(
    recommendation: Recommendation, mix: Mix | None, folder: Path | None, *, row: int | None, overwrite: bool
) -> None:
    """The folder that runs the answer, where one is named. Raises NothingFitsError without an answer."""
    if mix is not None and mix.recommended and row is None:
        w.write_mix(mix, folder, overwrite=overwrite)
        return
    w.write_row(recommendation, folder, row=row, overwrite=overwrite)
    if not recommendation.ranked:
        from advisor.report.terminal.refused import nothing_kept_line

        raise NothingFitsError(nothing_kept_line(recommendation))


def check_mixing(choice: Choice) -> None:
    """Refuse before any work what has no mix. Raises InputError or MissingToolError."""
    from advisor.advise.mixed.fleet import check_mixable
    from advisor.advise.mixed.integer_program import check_installed

    check_mixable(choice)
    check_installed()


def mixed(recommendation: Recommendation, predictor: Predictor, quality: QualityModel) -> Mix | None:
    """The cheapest fleet of several kinds beside the best single kind."""
    from advisor.advise.mixed.fleet import mix
    from advisor.cli.progress import working

    with working("Mixing kinds of GPU"):
        return mix(recommendation, predictor, quality)


def _beside_a_fleet(output: o.Output, rows: int | None) -> int | None:
    """How many single kinds stand beside a fleet."""
    from advisor.report.terminal.mixed.answer import SINGLE_ROWS

    return SINGLE_ROWS if output is o.Output.table else rows


def _rows(top: str | None, output: o.Output) -> int | None:
    """How many deployments an answer has; None: all of them."""
    if top is None and output is o.Output.table:
        from advisor.report.terminal.answer import ROWS

        return ROWS
    if top is None and output is not o.Output.csv:
        from advisor.report.documents.recommendation_document import TOP

        return TOP
    if top is None or top.lower() == "all":
        return None
    if not top.isdecimal() or int(top) < 1:
        raise InputError(f"--top: '{top}' is not a number of rows; give 1 or more, or all")
    return int(top)


def _print(
    recommendation: Recommendation,
    output: o.Output,
    more: Decision | None,
    *,
    top: int | None,
    explain: bool,
    mix: Mix | None = None,
    plot: bool = False,
) -> None:
    from advisor.report.terminal import print_answer

    if output is o.Output.csv:
        print_answer.print_recommendation_csv(recommendation, top=top)
        return
    if output is o.Output.table:
        shown = len(recommendation.ranked) if top is None else top
        rows = shown or print_answer.TABLE_ROWS
        print_answer.print_recommendation(recommendation, top=rows, explain=explain, decision=more, mix=mix)
        if plot:
            print_answer.print_pareto(recommendation)
        return
    from advisor.report.documents.recommendation_document import recommendation_document

    document = recommendation_document(recommendation, top=top, decision=more)
    if mix is not None:
        from advisor.report.documents.mixed_fleet_document import mix_document

        document["mixed"] = mix_document(mix)
    print_answer.print_document(document, output.value)
