"""The command line: `jaxnst COMMAND`, each command a module of this package.

A command's module is imported when it is called, so that neither `import jaxnst` nor
`jaxnst --help` pays for it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxnst._version import __version__
from jaxnst.cli._closed_streams import replace_closed
from jaxnst.cli._commands import COMMANDS, command
from jaxnst.cli._console import say, tolerant_streams
from jaxnst.cli._interrupts import deferred, ignore_at_exit
from jaxnst.cli._timings import command_begins

_USAGE = """\
usage: jaxnst PHOTO PAINTING [PAINTING ...] [-o OUT.png]
       jaxnst COMMAND ...

Neural style transfer: a photograph in the style of a painting.

commands:
{commands}

`jaxnst COMMAND --help` says what a command takes; `jaxnst --version` the version."""


def usage() -> str:
    """What `jaxnst --help` prints."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    return _USAGE.format(commands="\n".join(lines))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code.

    Args:
        arguments: without the program's name; None, those of this process. Without a
            command's name before them they are those of `stylize`.
    """
    command_begins(as_process=arguments is None)
    replace_closed()
    try:
        with tolerant_streams():
            return _main(list(sys.argv[1:] if arguments is None else arguments))
    finally:
        ignore_at_exit()


def _main(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        say(usage(), sys.stdout)
        return 0
    first, *rest = given
    if first in ("-V", "--version"):
        say(f"jaxnst {__version__}", sys.stdout)
        return 0
    if first not in COMMANDS:
        named = first.startswith("-") or "://" in first
        if not (named or Path(first).suffix or Path(first).exists()):
            from difflib import get_close_matches

            near = get_close_matches(first, COMMANDS, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            print(
                f"error: {first!r} is neither a command nor a picture; {hint}"
                "jaxnst --help lists the commands",
                file=sys.stderr,
            )
            return 2
        first, rest = "stylize", given
    with deferred() as interrupted:  # an import that is torn apart may say anything
        from jaxnst.cli._app import run

        command(first)
    if interrupted():
        print("error: interrupted", file=sys.stderr)
        return 130
    return run(first, rest)
