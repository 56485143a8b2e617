"""Devices that are asked for and not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax


@contextmanager
def explained_devices() -> Iterator[None]:
    """Within the block a device that is not there is a `ValueError` that says so."""
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        fault = missing_device(error)
        if fault is None:
            raise
        raise ValueError(fault) from error


def missing_device(error: Exception) -> str | None:
    """What to say of an error where JAX has no device to compute on; None where it has.

    JAX answers a name in JAX_PLATFORMS that it cannot use with several kinds of error,
    at the first computation.
    """
    config: Any = jax.config
    platforms = config.jax_platforms
    if not platforms or not isinstance(error, RuntimeError | AssertionError):
        return None
    reason = str(error)
    if "Unable to initialize backend" not in reason:
        try:
            jax.local_devices()
            return None
        except Exception as fault:
            reason = str(fault) or "JAX cannot use it here"
    variable = "JAX_PLATFORMS" if "JAX_PLATFORMS" in os.environ else "jax_platforms"
    return (
        f"there is no device for {variable}={platforms} ({reason}); unset it, or set "
        "it to cpu"
    )
