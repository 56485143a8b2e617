"""A pair under many settings in one compiled call, as a gallery to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

from jaxnst import images
from jaxnst.app.controls import Controls, settings_of
from jaxnst.app.runs import Run, watch
from jaxnst.app.uploads import to_jpeg
from jaxnst.losses.config import Weights
from jaxnst.parallel import grid_search, stylize_batch
from jaxnst.pipeline.inputs import Inputs, load_inputs, load_pictures
from jaxnst.pipeline.run import Prepared, prepare
from jaxnst.pipeline.settings import Masks, Settings

Rows = Literal["strength", "alpha"]
Columns = Literal["style_scale", "beta"]

MOST = 36
"""Pictures in a grid of the page."""


@dataclass(frozen=True)
class Axes:
    """What a grid varies: values of one control in its rows, of one in its columns."""

    rows: Rows
    row_values: tuple[float, ...]
    columns: Columns
    column_values: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values in (
            (self.rows, self.row_values),
            (self.columns, self.column_values),
        ):
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} needs one number or more, each only once")
        if len(self.row_values) * len(self.column_values) > MOST:
            raise ValueError(
                f"{len(self.row_values)} x {len(self.column_values)} pictures are more "
                f"than {MOST}; give fewer numbers, or use `jaxnst grid`"
            )

    @property
    def cells(self) -> list[tuple[float, float]]:
        """(row's, column's value) of every picture, row by row."""
        return [(r, c) for r in self.row_values for c in self.column_values]


@dataclass(frozen=True)
class Cell:
    """One picture of a grid: its JPEG file, what it is called, and its controls."""

    path: Path
    label: str
    controls: Controls


def parse_axis(text: str, name: str) -> tuple[float, ...]:
    """Numbers as they are typed, "0.3 0.6 0.9".

    Raises:
        ValueError: they are none.
    """
    try:
        return tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise ValueError(
            f"{name} must be numbers such as 0.3 0.6 0.9, got {text!r}"
        ) from None


def cell_controls(
    controls: Controls, axes: Axes, row: float, column: float
) -> Controls:
    """The controls of one picture of a grid."""
    given: dict[str, Any] = {axes.rows: row, axes.columns: column}
    return replace(controls, how=_how(axes), **given)


def _how(axes: Axes) -> Any:
    return "strength" if axes.rows == "strength" else "weight"


def paint_grid(
    controls: Controls,
    axes: Axes,
    content: Path,
    styles: Sequence[Path],
    folder: Path,
    run: Run[Any],
    masks: Masks | None = None,
) -> list[Cell]:
    """Paint a pair under every setting, and write JPEG files into the folder.

    Args:
        masks: other ones than the controls name.

    Returns:
        The pictures row by row, as far as they came.

    Raises:
        OSError, ValueError, MemoryError: as `load_inputs`; settings that a grid cannot
            vary.
    """
    if run.stopped():
        return []
    first = cell_controls(controls, axes, *axes.cells[0])
    settings = settings_of(first)
    settings = settings if masks is None else replace(settings, masks=masks)
    if settings.optimization.one_pass:
        raise ValueError(
            "one pass has no steps for a grid to compare; choose another preset"
        )
    inputs = load_inputs(settings, content, styles)
    like = images.read_like(content, size=inputs.size, keep_metadata=False)
    made = (_by_scale if axes.columns == "style_scale" else _by_weight)(
        inputs, axes, content, styles, watch(run, pictures=False)
    )
    folder.mkdir(parents=True, exist_ok=True)
    cells = []
    for number, (image, (row, column)) in enumerate(
        zip(made, axes.cells, strict=False)
    ):
        path = folder / f"{number:02d}.jpg"
        path.write_bytes(to_jpeg(np.asarray(images.over_white(image, like.alpha))))
        label = f"{_WORDS[axes.rows]} {row:g}, {_WORDS[axes.columns]} {column:g}"
        chosen = cell_controls(controls, axes, row, column)
        cells.append(Cell(path, label, chosen))
    return cells


_WORDS = {
    "strength": "strength",
    "alpha": "alpha",
    "style_scale": "strokes",
    "beta": "beta",
}


def _weights(terms: Weights, axes: Axes, shape: Sequence[tuple[int, ...]]) -> Weights:
    """Loss weights with the axes' numbers in the shapes of rows and columns."""
    rows = np.asarray(axes.row_values, np.float32).reshape(shape[0])
    changed: dict[str, Any] = {axes.rows: rows}
    if axes.columns == "beta":
        changed["beta"] = np.asarray(axes.column_values, np.float32).reshape(shape[1])
    return replace(terms, **changed)


def _by_weight(
    inputs: Inputs, axes: Axes, content: Path, styles: Sequence[Path], callback: Any
) -> list[np.ndarray]:
    """Both axes are numbers of the objective."""
    settings = inputs.settings
    made = prepare(
        settings,
        *inputs.arguments,
        init=inputs.init,
        decoder=inputs.decoder,
        regions=inputs.regions,
    )
    result = grid_search(
        inputs.network,
        made.content,
        made.styles,
        weights=_weights(settings.terms, axes, ((-1, 1), (1, -1))),
        callback=callback,
        **made.options,
    )
    flat = result.image.reshape(-1, *result.image.shape[-3:])
    return [np.asarray(made.finish(jnp.asarray(image))) for image in flat]


def _by_scale(
    inputs: Inputs, axes: Axes, content: Path, styles: Sequence[Path], callback: Any
) -> list[np.ndarray]:
    """The columns are sizes of the painting: targets of their own, the same loop."""
    settings = inputs.settings
    if settings.style_mix is not None:
        raise ValueError(
            "a grid over stroke sizes mixes paintings in equal parts; leave the shares"
        )
    each = [
        _prepared(_scaled(settings, scale), inputs, content, styles)
        for scale in axes.column_values
    ]
    count, columns = len(axes.row_values), len(each)
    terms = _weights(settings.terms, axes, ((-1, 1), (1, -1)))
    rows = np.broadcast_to(getattr(terms, axes.rows), (count, columns)).reshape(-1)
    options = dict(each[0].options)
    options.pop("style_mix")
    if not isinstance(options["init"], str):
        options["init"] = [one.options["init"] for one in each] * count
    if options["regions"] is not None:
        options["regions"] = [one.options["regions"] for one in each] * count
    changed: dict[str, Any] = {axes.rows: rows}
    result = stylize_batch(
        inputs.network,
        [one.content for one in each] * count,
        [one.styles for one in each] * count,
        weights=replace(settings.terms, **changed),
        callback=callback,
        **options,  # type: ignore[arg-type]
    )
    finish = [one.finish for one in each] * count
    images_made = zip(finish, result.image, strict=False)
    return [np.asarray(done(jnp.asarray(image))) for done, image in images_made]


def _scaled(settings: Settings, scale: float) -> Settings:
    geometry = replace(settings.geometry, style_scale=scale)
    return replace(settings, geometry=geometry)


def _prepared(
    settings: Settings, inputs: Inputs, content: Path, styles: Sequence[Path]
) -> Prepared:
    """As `prepare`, with paintings read at the size that they are used at."""
    _, paintings = load_pictures(settings, inputs.network, content, styles)
    return prepare(
        settings,
        inputs.network,
        inputs.content,
        paintings,
        init=inputs.init,
        decoder=inputs.decoder,
        regions=inputs.regions,
    )
