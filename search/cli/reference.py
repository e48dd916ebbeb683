"""Writes docs/cli.md from the commands' own help: `python -m bitfront.search.cli.reference > docs/cli.md`."""

from __future__ import annotations

import sys

import typer

from .main import EXIT_CODES, app

_HEAD = """\
# The command line

Written by `python -m bitfront.search.cli.reference`; a test compares it with the code.

"""


def markdown() -> str:
    """Return the reference page: every command with its arguments, options and examples."""
    group = typer.main.get_command(app)
    parts = [_HEAD + EXIT_CODES]
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        parts.append(f"## bitfront {name}\n\n{command.help}\n")
        rows = []
        for parameter in command.params:
            names = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
            if parameter.param_type_name == "argument":
                names = f"`{str(parameter.name).upper()}`"
            elif parameter.name == "help":
                continue
            rows.append(f"| {names} | {parameter.help} |")
        parts.append("| argument or option | meaning |\n| --- | --- |\n" + "\n".join(rows) + "\n")
        parts.append((command.epilog or "").strip() + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(markdown())
