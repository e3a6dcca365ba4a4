"""`--help` as plain text in sections: every name of an option stands whole, at any width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from advisor.cli.skip_typer_validators import take_as_given

WIDTH = 110
"""Most characters of a line."""
NAMES = 32
"""Characters for an option's names before its help starts on a line of its own."""


class SectionedCommand(TyperCommand):
    """A command whose options are listed by `rich_help_panel`, the general ones first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses as typer does, converting no more than it must."""
        take_as_given(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections: arguments, general options, then the others in the order they are declared."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = getattr(parameter, "rich_help_panel", None) or usual
            sections.setdefault(panel, []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records, col_max=NAMES)


class WholeGroup(TyperGroup):
    """A group whose commands are listed with their whole first sentence."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses as typer does, converting no more than it must."""
        take_as_given(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, in the order they were added."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, one.get_short_help_str(10 * WIDTH)) for name, one in found if one and not one.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


class App(typer.Typer):
    """Commands with such help; usage errors are plain text too."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        settings["context_settings"] = {"max_content_width": WIDTH, **settings["context_settings"]}
        super().__init__(cls=WholeGroup, rich_markup_mode=None, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:
        """Registers a command as typer does, with this help."""
        return super().command(name, **{"cls": SectionedCommand, **settings})
