"""Loops over steps, counted."""

from jaxnst.optimize.loop import run_steps, run_steps_of_one


def loops_compiled():
    """How many loops this process has compiled so far, for one image and for many."""
    return run_steps._cache_size() + run_steps_of_one.quick._cache_size()
