"""What the commands share: arguments in, results out, one clear line where it fails."""

import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import platformdirs
from jax.errors import JaxRuntimeError

from jaxnst._files import without_secrets
from jaxnst.cli._commands import command
from jaxnst.cli._compiled import drop_broken
from jaxnst.cli._console import say, tolerant_streams
from jaxnst.cli._devices import explained_devices
from jaxnst.cli._interrupts import never_swallowed
from jaxnst.cli._memory import check_address_space, explain_bad_alloc, out_of_memory
from jaxnst.cli._options import SECTIONS, current_spelling
from jaxnst.cli._order import lists_last
from jaxnst.cli._parser import (
    Misuse,
    Option,
    Parser,
    build,
    option,
    options_of,
    parser_for,
)

EXPECTED = (
    OSError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
    JaxRuntimeError,
)


@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every command."""

    quiet: bool = False
    """Print errors, warnings and --json alone."""
    json: bool = False
    """Print the result as one JSON object; everything else goes to stderr."""
    debug: bool = False
    """Show the traceback of an error."""
    typed: frozenset[str] = option(frozenset(), hidden=True)
    """Dotted names of the settings that the command line gives."""

    def say(self, text: str) -> None:
        """A line for a person."""
        if not self.quiet:
            say(text, sys.stderr if self.json else sys.stdout)

    def note(self, text: str) -> None:
        """A line beside the result: what was chosen, where it goes on."""
        if text and not self.quiet:
            say(text, sys.stderr)

    def answer(self, **facts: Any) -> None:
        """The result for a program, where that is asked for."""
        if self.json:
            print(json.dumps(facts, default=_plain), flush=True)


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.tolist()  # NumPy's and JAX's numbers and arrays


def fail(text: str, code: int) -> int:
    """Print `text` as one line on stderr; `code` back."""
    line = " ".join(part.strip() for part in text.splitlines())
    print(f"error: {without_secrets(line)}", file=sys.stderr)
    return code


def describe_error(error: Exception) -> str:
    """An error of the operating system without its number; others as they are."""
    memory = out_of_memory(error)
    if memory is not None:
        return memory
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    if isinstance(error, JaxRuntimeError):
        return f"the device failed: {error}; --debug shows where"
    return str(error) or type(error).__name__


_told: set[str] = set()  # warnings of the command that runs


def warn(message: Warning | str, *_: object, **__: object) -> None:
    """Print `message` as one line on stderr, once in a command."""
    text = without_secrets(" ".join(str(message).split()))
    if text not in _told and not drop_broken(text):
        _told.add(text)
        print(f"warning: {text}", file=sys.stderr)


def keep_compiled() -> None:
    """Let JAX keep compiled code in a private folder of the user's cache directory.

    Compiling takes longer than many a run; the second run of a command skips it.
    """
    folder = Path(platformdirs.user_cache_dir("jaxnst")) / "compiled"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return  # a home that cannot be written to costs time, nothing else
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # What compiles in 50 ms is read in 5.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def options(module: ModuleType, default: Any) -> list[Option]:
    """The options of a command's module."""
    words, hidden = getattr(module, "WORDS", {}), getattr(module, "HIDDEN", ())
    return options_of(module.Arguments, default, words, hidden)


def parser_of(
    module: ModuleType, default: Any, *, everything: bool, prog: str | None = None
) -> Parser:
    """The parser of a command's module, whose docstring is its description."""
    if prog is None:
        name = module.__name__.rpartition(".")[2].replace("_", "-")
        script = module.__name__ == "__main__"
        prog = Path(str(module.__file__)).name if script else f"jaxnst {name}"
    return parser_for(
        options(module, default),
        getattr(module, "HELP", {}),
        SECTIONS,
        prog=prog,
        usage=f"{prog} {getattr(module, 'USAGE', '[options]')}",
        description=(module.__doc__ or "").strip(),
        everything=everything,
    )


def parse(module: ModuleType, line: Sequence[str]) -> Any:
    """The command's `Arguments`; None where help was asked for, and printed.

    Raises:
        Misuse: a line that does not fit.
    """
    line = current_spelling(line)
    defaults: Callable[[Sequence[str]], Any]
    defaults = getattr(module, "defaults", lambda line: None)
    asked = {"-h", "--help", "--help-all"} & set(line)
    default = defaults(line)
    parser = parser_of(module, default, everything="--help-all" in asked)
    if asked:
        say(parser.format_help().rstrip("\n"), sys.stdout)
        return None
    known = options(module, default)
    given = vars(parser.parse_intermixed_args(lists_last(line, known)))
    missing = [
        each
        for each in known
        if each.required and (each.dest not in given or given[each.dest] == [])
    ]
    if missing:
        first = missing[0]
        raise Misuse(f"{first.flags[-1] if first.flags else first.metavar} is missing")
    names = {dest.removeprefix("settings.") for dest in given if "settings." in dest}
    given["typed"] = frozenset(names)
    try:
        return build(module.Arguments, default, given)
    except (ValueError, TypeError) as error:  # of the settings
        raise Misuse(str(error)) from None


def run(name: str, line: Sequence[str]) -> int:
    """Run a command on the words after its name; the exit code.

    0: done; 1: failed, with one line on stderr; 2: a line that does not fit; 130:
    interrupted; another: what the command's `main` returns. With --debug errors pass
    through.
    """
    return run_module(command(name), line)


def run_module(module: ModuleType, line: Sequence[str] | None = None) -> int:
    """As `run`, for a module with `Arguments` and `main`, a script perhaps.

    Args:
        line: None, that of this process.
    """
    line = sys.argv[1:] if line is None else line
    warnings.showwarning = warn
    _told.clear()
    with tolerant_streams():
        return _run_module(module, line)


def _run_module(module: ModuleType, line: Sequence[str]) -> int:
    try:
        with never_swallowed():
            return _parse_and_run(module, line)
    except Misuse as error:
        return fail(f"{error}; --help lists the options", 2)
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    except (*EXPECTED, RuntimeError) as error:
        expected = isinstance(error, EXPECTED) or out_of_memory(error) is not None
        if "--debug" in line or not expected:
            raise
        return fail(describe_error(error), 1)


def _parse_and_run(module: ModuleType, line: Sequence[str]) -> int:
    arguments = parse(module, line)
    if arguments is None:
        return 0
    keep_compiled()
    check_address_space()
    explain_bad_alloc()
    with explained_devices():
        return module.main(arguments) or 0
