"""Loss curves and trade-offs as plots (matplotlib)."""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from os import PathLike
from typing import Any

import numpy as np

from jaxnst._files import (
    atomic_write,
    check_output_file,
    check_writable_folder,
    printable,
)


def check_plot(path: str | PathLike[str]) -> None:
    """Raise before a long run what `plot_losses` would raise after it; the file is
    tried.

    Raises:
        ValueError: a suffix other than .png, .svg or .pdf, or no matplotlib.
        OSError: the folder cannot take the file.
    """
    _check_kind(path)
    check_output_file(path)


def _check_kind(path: str | PathLike[str]) -> None:
    suffix = check_writable_folder(path).suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(
            f"cannot plot to {path}: choose a name that ends in .png, .svg or .pdf"
        )
    if find_spec("matplotlib") is None:
        raise ValueError(
            "plots need matplotlib, which is not installed; "
            "install it with: pip install 'jaxnst[plot]'"
        )


def plot_losses(
    path: str | PathLike[str],
    trace: Mapping[str, np.ndarray],
    *,
    title: str = "",
    smooth: int = 1,
) -> None:
    """Plot the loss and its terms over the steps, on logarithmic scales.

    Left the loss, the content, style and smoothness terms as `objective` gives them;
    right the style and content terms layer by layer.

    Args:
        path: .png, .svg or .pdf.
        trace: {term: (steps,)}, as in `Result.trace`.
        smooth: plot means over so many steps.

    Raises:
        ValueError, OSError: as `check_plot`.
    """
    _check_kind(path)
    figure = _figure((11, 4.2))
    left, right = figure.subplots(1, 2)
    for name, values in trace.items():
        axes = right if "/" in name else left
        steps = np.arange(1, len(values) + 1)
        if 1 < smooth <= len(values):
            window = np.full(smooth, 1 / smooth)
            values = np.convolve(values, window, "valid")
            steps = np.convolve(steps, window, "valid")
        # A term may be 0 at its start, which a logarithmic scale cannot show.
        shown = np.where(values > 0, values, np.nan)
        axes.plot(steps, shown, label=name, lw=2.2 if name == "loss" else 1.3)
    for axes, heading in ((left, "loss and terms"), (right, "by layer")):
        axes.set(xlabel="step", yscale="log", title=heading)
        axes.grid(True, which="major", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        _legend(axes, "small")
    if title:
        figure.suptitle(printable(title), parse_math=False)
    with atomic_write(path) as temporary, _without_remarks():
        figure.savefig(temporary)


def scatter_svg(
    points: np.ndarray, labels: Sequence[str], marked: int, best: np.ndarray
) -> str:
    """A drawing of content and style distances, one point for each label.

    Args:
        points: (N, 2), content and style; NaN where there is nothing to draw.
        marked: the one that is suggested.
        best: those that no other beats in both, joined by a line.
    """
    figure = _figure((6, 4.5))
    axes = figure.subplots()
    axes.plot(*points[best].T, color="#888888", lw=1, zorder=1)
    others = np.arange(len(points)) != marked
    axes.scatter(*points[others].T, s=28, color="#3b6ea5", zorder=2)
    axes.scatter(*points[marked], s=90, color="#d9822b", zorder=3)
    for point, label in zip(points, labels, strict=True):
        if np.isfinite(point).all():
            place = {"xytext": (5, 5), "textcoords": "offset points"}
            look = place | {"fontsize": "x-small", "parse_math": False}
            axes.annotate(printable(label), point, **look)
    axes.set(xlabel="content: distance from the photograph")
    axes.set(ylabel="style: distance from the painting")
    axes.margins(0.12)
    axes.grid(True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def curves_svg(lines: Mapping[str, np.ndarray]) -> str:
    """A drawing of one curve for each name over the steps, on a logarithmic scale."""
    figure = _figure((6, 4.5))
    axes = figure.subplots()
    for name, values in lines.items():
        shown = np.where(values > 0, values, np.nan)
        axes.plot(np.arange(1, len(values) + 1), shown, label=name, lw=1.3)
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.grid(True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if len(lines) <= 12:
        _legend(axes, "x-small")
    return _svg(figure)


# matplotlib is optional and slow to import, so only what draws imports it.


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.figure import Figure

    # The figure alone, without pyplot: it has no global state and opens no window.
    return Figure(figsize=size, layout="constrained", dpi=110)


def _legend(axes: Any, size: str) -> None:
    """The names of all lines as they are: a name may hold "$" or begin with "_"."""
    lines = axes.get_lines()
    names = [printable(line.get_label()) for line in lines]
    legend = axes.legend(lines, names, frameon=False, fontsize=size)
    for text in legend.get_texts():
        text.set_parse_math(False)


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Without a warning for every letter that the font does not have."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _svg(figure: Any) -> str:
    from matplotlib import rc_context

    buffer = io.StringIO()
    # No date and no random identifiers: the same numbers give the same drawing.
    with rc_context({"svg.hashsalt": "jaxnst"}), _without_remarks():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
