"""What the command lines share: arguments in, one clear line out when it fails."""

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import jax
import platformdirs
import tyro
from jax.errors import JaxRuntimeError


@dataclass(frozen=True, kw_only=True)
class Common:
    debug: bool = False
    """Show the traceback of an error."""


EXPECTED = (
    OSError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
    JaxRuntimeError,
)
Arguments = TypeVar("Arguments", bound=Common)


def fail(text: str, code: int) -> int:
    """Print `text` as one line on stderr; `code` back."""
    line = " ".join(part.strip() for part in text.splitlines())
    print(f"error: {line}", file=sys.stderr)
    return code


def describe_error(error: Exception) -> str:
    """An error of the operating system without its number; others as they are."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    if isinstance(error, MemoryError):
        return "; ".join(["out of memory", *map(str, error.args)])
    if isinstance(error, JaxRuntimeError):
        if "RESOURCE_EXHAUSTED" in str(error):
            return "out of memory; choose a smaller size (--size)"
        return f"the device failed: {error}; --debug shows where"
    return str(error) or type(error).__name__


def warn(message: Warning | str, *_: object, **__: object) -> None:
    """Print `message` as one line on stderr."""
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _misuse(drawn: str) -> str:
    """What tyro says of wrong usage, out of the box that it draws around it."""
    lines = [line.strip(" │|╭╮╰╯─") for line in drawn.splitlines()]
    title, *said = [line for line in lines if line.strip("-")]
    ends = ("For full helptext", "Argument helptext")
    last = next((i for i, line in enumerate(said) if line.startswith(ends)), None)
    text = " ".join(said[:last]).removeprefix("Error parsing ").rstrip(".")
    # The group that an option stands in says nothing to who typed it.
    text = re.sub(r"^settings(\.\w+)?: ", "", text)
    return f"{text or title}; --help lists all options"


def _parse(
    arguments: type[Arguments], default: Arguments | None, description: str | None
) -> Arguments:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            given: Arguments = tyro.cli(
                arguments,
                description=description,
                default=default or tyro.MISSING_NONPROP,
                config=(tyro.conf.OmitArgPrefixes,),
            )
    except SystemExit as end:
        if end.code == 2:
            fail(_misuse(said.getvalue()), 2)
        raise
    print(said.getvalue(), end="", file=sys.stderr)
    return given


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
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def run(
    arguments: type[Arguments],
    main: Callable[[Arguments], int | None],
    default: Callable[[], Arguments | None] = lambda: None,
) -> int:
    """Parse the command line, call `main` and return the exit code.

    0: done; 1: failed, with one line on stderr; 130: interrupted; another: what
    `main` returns. Wrong usage and --help leave through `SystemExit` with 2 and 0.
    With --debug errors pass through.

    Args:
        default: gives the values that options have where the command line is silent.
    """
    warnings.showwarning = warn
    try:
        description = sys.modules[main.__module__].__doc__
        given = _parse(arguments, default(), description)
        keep_compiled()
        return main(given) or 0
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    except EXPECTED as error:
        if "--debug" in sys.argv:
            raise
        return fail(describe_error(error), 1)
