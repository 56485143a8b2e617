"""Print a script that completes commands, options and file names in a shell.

jaxnst completion bash > ~/.local/share/bash-completion/completions/jaxnst
"""

from dataclasses import dataclass
from typing import Literal

import shtab

from jaxnst.cli._app import Common, parser_of
from jaxnst.cli._commands import COMMANDS, command
from jaxnst.cli._parser import Parser, option

USAGE = "bash|zsh|tcsh"


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    shell: Literal["bash", "zsh", "tcsh"] = option(positional=True)
    """The shell."""


def whole_parser() -> Parser:
    """A parser of every command, as `shtab` reads it."""
    whole = Parser("jaxnst")
    whole.add_argument("--version", action="store_true", help="the version")
    whole.add_argument("--help", action="store_true", help="what there is")
    commands = whole.add_subparsers()
    for name, text in COMMANDS.items():
        module = command(name)
        default = getattr(module, "defaults", lambda line: None)([])
        part = parser_of(module, default, everything=True)
        added = commands.add_parser(name, help=text)
        for action in part._actions:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
            added._add_action(action)
    return whole


def main(arguments: Arguments) -> int:
    print(shtab.complete(whole_parser(), shell=arguments.shell))
    return 0
