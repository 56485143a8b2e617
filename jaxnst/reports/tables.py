"""Tables as CSV files."""

import csv
from collections.abc import Mapping
from os import PathLike

import numpy as np

from jaxnst._files import atomic_write


def write_losses(path: str | PathLike[str], trace: Mapping[str, np.ndarray]) -> None:
    """Write every term at every step as CSV: a column "step", then one for each term.

    Args:
        trace: {term: (steps,)}, as in `Result.trace`.
    """
    names = list(trace)
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["step", *names])
        columns = (trace[name] for name in names)
        for step, row in enumerate(zip(*columns, strict=True), start=1):
            table.writerow([step, *(f"{value:.9g}" for value in row)])
