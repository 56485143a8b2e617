"""What the page shows beside Gradio's own components, as HTML."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst.app.painting import Painted
from jaxnst.app.parts import BRUSHES
from jaxnst.app.runs import Update
from jaxnst.app.uploads import to_jpeg, without_folders
from jaxnst.images import load_image
from jaxnst.video import PaintedClip

_SIDE = 768  # pixels of a picture on its way

_SWATCH = 96  # of a painting beside its brush's colour


def duration(seconds: float) -> str:
    """A time in words, such as "12 s" or "3 min 20 s"."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def picture(image: np.ndarray, words: str, *, side: int = _SIDE) -> str:
    """A picture (H, W, 3) in [0, 1] within the page itself."""
    data = base64.b64encode(to_jpeg(image, side=side)).decode("ascii")
    return (
        f'<img class="jaxnst-picture" alt="{escape(words)}" '
        f'src="data:image/jpeg;base64,{data}">'
    )


def error(text: str) -> str:
    """A line that says what went wrong."""
    return f'<p class="jaxnst-error" role="alert">{escape(text)}</p>'


def note(text: str) -> str:
    """A line beside the picture; "" where there is nothing to say."""
    return f'<p class="jaxnst-note">{escape(text)}</p>' if text else ""


def empty(text: str) -> str:
    """The place where a picture will be."""
    return f'<div class="jaxnst-empty"><p>{escape(text)}</p></div>'


def progress(update: Update, *, ends: bool = False, unit: str = "step") -> str:
    """The picture as it is, a bar, and numbers.

    Args:
        ends: whether the run was told to stop.
        unit: what is counted.
    """
    if update.image is not None:
        shown = picture(update.image, "the picture as it is now")
    elif ends:
        shown = empty("stopping")
    elif update.steps:
        shown = empty("painting")
    else:
        shown = empty("getting ready: the first run of a size compiles for a while")
    below = _bar(update) + _numbers(update, ends, unit)
    return f'<div class="jaxnst-run">{shown}{below}</div>'


def _bar(update: Update) -> str:
    share = 100 * update.step / update.steps if update.steps else 0
    return (
        '<div class="jaxnst-bar" role="progressbar" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share:.0f}">'
        f'<span style="width: {share:.1f}%"></span></div>'
    )


def _numbers(update: Update, ends: bool, unit: str) -> str:
    words = []
    if update.steps:
        words.append(f"{unit} {update.step} of {update.steps}")
    if ends:
        words.append("stopping")
    elif update.left is not None:
        words.append(f"{duration(update.left)} left")
    else:
        words.append(duration(update.seconds))
    words += [f"{name} {value:.3g}" for name, value in main_terms(update.terms).items()]
    cells = "".join(f"<span>{escape(word)}</span>" for word in words)
    return f'<p class="jaxnst-numbers">{cells}</p>'


def main_terms(terms: Mapping[str, float]) -> dict[str, float]:
    """Loss, content and style of what a run is told."""
    return {name: terms[name] for name in ("loss", "content", "style") if name in terms}


def live(image: np.ndarray | None, rate: float, count: int) -> str:
    """A camera's frame, painted, or that the device is busy; each other than the one
    before by its `count`, so that the browser sends the next."""
    mark = f'<span hidden data-frame="{count}"></span>'
    if image is None:
        return empty("a picture is being painted; the camera goes on after it") + mark
    rates = note(f"{rate:.1f} pictures a second") if rate else note("at once")
    return picture(image, "what the camera sees, painted") + rates + mark


def painted(done: Painted) -> str:
    """What became of a run."""
    words = [f"{done.width} × {done.height} pixels"]
    if done.planned:
        words.append(
            f"{done.steps} steps"
            if done.steps == done.planned
            else f"stopped after {done.steps} of {done.planned} steps"
        )
    else:
        words.append("one pass")
    words.append(duration(done.seconds) if done.seconds >= 1 else "in a moment")
    words += [f"{name} {value:.3g}" for name, value in main_terms(done.losses).items()]
    cells = "".join(f"<span>{escape(word)}</span>" for word in words)
    astray = "" if done.finite else error("the run turned infinite; this is before it")
    notice = note(without_folders(done.notice, ()))
    again = command(done.command) if done.masks else ""
    return f'<p class="jaxnst-numbers">{cells}</p>{notice}{astray}{again}'


def command(line: str) -> str:
    """What the command line does the same with; broken between its words alone."""
    words = " ".join(f"<span>{escape(word)}</span>" for word in line.split(" "))
    return f'<pre class="jaxnst-command"><code>{words}</code></pre>'


def legend(paintings: Sequence[Path]) -> str:
    """Which colour of the brush is which painting; a click takes it.

    Raises:
        OSError, ValueError, MemoryError: one cannot be read.
    """
    cells = []
    for number, (path, color) in enumerate(zip(paintings, BRUSHES, strict=False)):
        image = np.asarray(load_image(path, size=_SWATCH))
        data = base64.b64encode(to_jpeg(image)).decode("ascii")
        words = f"painting {number + 1}"
        cells.append(
            f'<button type="button" class="jaxnst-brush" aria-label="{words}" '
            f'onclick="jaxnst.brush({number})" style="color: {color}">'
            f'<img alt="{words}" src="data:image/jpeg;base64,{data}"></button>'
        )
    return f'<div class="jaxnst-legend">{"".join(cells)}</div>'


def clip(done: PaintedClip) -> str:
    """What became of a clip."""
    height, width = done.size
    words = [f"{width} × {height} pixels", f"{done.frames} frames"]
    words += [
        f"{float(done.duration):.1f} s long",
        f"painted in {duration(done.seconds)}",
    ]
    if done.interrupted:
        words.append("stopped")
    cells = "".join(f"<span>{escape(word)}</span>" for word in words)
    remarks = without_folders("; ".join(done.remarks), ())
    return f'<p class="jaxnst-numbers">{cells}</p>{note(remarks)}'


def table(rows: Sequence[tuple[str, Any]]) -> str:
    """Facts, one a row."""
    cells = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in rows
    )
    return f'<table class="jaxnst-facts">{cells}</table>'


HEADER = """<header class="jaxnst-header"><h1>jaxnst</h1>
<p>A photograph in the style of a painting</p></header>"""

VIDEO = '<video id="jaxnst-video" class="jaxnst-video" muted playsinline></video>'
"""Where the browser shows what its camera sees."""
