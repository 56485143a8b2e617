"""The command line: `jaxnst COMMAND`, each command a module of this package.

A command's module is imported when it is called, so that neither `import jaxnst` nor
`jaxnst --help` pays for it.
"""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from jaxnst._version import __version__
from jaxnst.cli._commands import COMMANDS

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
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    first, *rest = given
    if first in ("-V", "--version"):
        print(f"jaxnst {__version__}")
        return 0
    if first not in COMMANDS:
        named = first.startswith("-") or "://" in first
        if not (named or Path(first).suffix or Path(first).exists()):
            near = get_close_matches(first, COMMANDS, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            print(
                f"error: {first!r} is neither a command nor a picture; {hint}"
                "jaxnst --help lists the commands",
                file=sys.stderr,
            )
            return 2
        first, rest = "stylize", given
    from jaxnst.cli._app import run

    return run(first, rest)
