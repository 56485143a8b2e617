"""What the command lines share: arguments in, one clear line out when it fails."""

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


Arguments = TypeVar("Arguments", bound=Common)


def fail(text: str, code: int) -> int:
    """Print `text` as one line on stderr; `code` back."""
    line = " ".join(part.strip() for part in text.splitlines())
    print(f"error: {line}", file=sys.stderr)
    return code


def _describe(error: Exception) -> str:
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


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


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
    warnings.showwarning = _warn
    try:
        given: Arguments = tyro.cli(
            arguments,
            default=default() or tyro.MISSING_NONPROP,
            config=(tyro.conf.OmitArgPrefixes,),
        )
        keep_compiled()
        return main(given) or 0
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    except (OSError, ValueError, TypeError, MemoryError, JaxRuntimeError) as error:
        if "--debug" in sys.argv:
            raise
        return fail(_describe(error), 1)
