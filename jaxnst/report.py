"""What a run leaves to read: loss tables and curves."""

import csv
from collections.abc import Mapping
from importlib.util import find_spec
from os import PathLike

import numpy as np

from jaxnst._files import atomic_write, check_writable_folder


def write_losses(
    path: str | PathLike[str], trace: Mapping[str, np.ndarray]
) -> None:
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


def check_plot(path: str | PathLike[str]) -> None:
    """Raise before a long run what `plot_losses` would raise after it.

    Raises:
        ValueError: a suffix other than .png, .svg or .pdf, or no matplotlib.
        OSError: the folder cannot take the file.
    """
    suffix = check_writable_folder(path).suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(
            f"cannot plot to {path}: choose a name that ends in .png, .svg or .pdf"
        )
    if find_spec("matplotlib") is None:
        raise ValueError(
            "plots need matplotlib, which is not installed; "
            "install it with: pip install matplotlib"
        )


def plot_losses(
    path: str | PathLike[str], trace: Mapping[str, np.ndarray], *, title: str = ""
) -> None:
    """Plot the loss and its terms over the steps, on logarithmic scales.

    Left the loss, the content, style and smoothness terms as `objective` gives them;
    right the style and content terms layer by layer.

    Args:
        path: .png, .svg or .pdf.
        trace: {term: (steps,)}, as in `Result.trace`.

    Raises:
        ValueError, OSError: as `check_plot`.
    """
    check_plot(path)
    # The figure alone, without pyplot: it keeps no global state and opens no window.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    for name, values in trace.items():
        axes = right if "/" in name else left
        steps = np.arange(1, len(values) + 1)
        # A term may be 0 at its start, which a logarithmic scale cannot show.
        shown = np.where(values > 0, values, np.nan)
        axes.plot(steps, shown, label=name, lw=2.2 if name == "loss" else 1.3)
    for axes, heading in ((left, "loss and terms"), (right, "by layer")):
        axes.set(xlabel="step", yscale="log", title=heading)
        axes.grid(True, which="major", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize="small")
    if title:
        figure.suptitle(title)
    with atomic_write(path) as temporary:
        figure.savefig(temporary)
