"""What paints the frames of a clip, one after another.

A painter keeps nothing between frames but what is compiled and what the paintings
alone decide: the same arguments give the same frame, so that a clip can be gone on
with from frames on disk.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.feedforward import model as feedforward
from jaxnst.feedforward.model import FeedForward, Style
from jaxnst.images import resize
from jaxnst.images.mirroring import (
    Pads,
    add_mirrored,
    cut_off,
    pads_to,
    repeat_mirrored,
)
from jaxnst.losses.config import Config
from jaxnst.losses.objectives import (
    Targets,
    content_targets,
    style_targets,
    style_terms,
)
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize.initial import FEEDFORWARD, INITS
from jaxnst.optimize.pyramid import stylize_pyramid
from jaxnst.pipeline.run import levels_at, min_side, padded_size
from jaxnst.pipeline.settings import Settings
from jaxnst.video.coloring import (
    match_styles,
    to_final_colors,
    to_frame,
    to_image,
    to_painted_colors,
)

Size = tuple[int, int]


class Painter(Protocol):
    """What paints a clip's frames: NumPy uint8 (H, W, 3), RGB, all of one size.

    Attributes:
        span: how many earlier frames it looks at; 0, none.
    """

    span: int

    def motion(self, frames: Sequence[np.ndarray]) -> Any:
        """What `paint` needs to know of the motion. Pure, without JAX, so that it may
        run in another thread ahead of `paint`.

        Args:
            frames: up to `span` + 1 frames of the input, oldest first, the present one
                last.
        """
        ...

    def paint(
        self, frame: np.ndarray, motion: Any, painted: Sequence[np.ndarray]
    ) -> np.ndarray:
        """The painted frame, uint8 (H, W, 3).

        Args:
            motion: of `motion`.
            painted: up to `span` earlier painted frames, oldest first.
        """
        ...


class OptimisedPainter:
    """Frames that are optimised, each as `render` optimises a picture.

    Args:
        network: the feature network.
        styles: paintings, (h, w, 3) each, or (h, w, 4) with alpha.
        settings: of a picture; its sizes are the frames', its `init` is not a file.
        size: (height, width) of the frames.
        decoder: of one pass, where the settings start from it.
        reference: a frame of the clip, such as its first, to whose colours the
            paintings' are matched; needed for `Settings.color` "content" and "match".

    Raises:
        TypeError, ValueError: arguments that cannot be.
    """

    span = 0

    def __init__(
        self,
        network: Network,
        styles: Sequence[Array],
        settings: Settings,
        *,
        size: Size,
        temporal: float = 0.0,
        long_term: int = 0,
        steps: int = 20,
        decoder: FeedForward | None = None,
        reference: np.ndarray | None = None,
    ) -> None:
        if temporal or long_term:
            raise ValueError("temporal and long_term are 0 in this version")
        self.network = check_network(network).prepared()
        self.settings = _of_frames(settings, size)
        self.size, self.decoder = size, decoder
        geometry, least = self.settings.geometry, min_side(settings, network)
        self.pads = pads_to(size, padded_size(size, 1, least - 2 * geometry.margin))
        self.levels = levels_at(self.settings, network, size)
        shortest = -int(-least // self.levels[0])
        resized = [
            _resized(style, self.settings, size)
            for style in _checks.check_images(styles, "styles", alpha=True)
        ]
        self.styles = [
            repeat_mirrored(style, shortest)
            for style in match_styles(settings.color, resized, reference)
        ]
        self._one_pass = _one_pass_start(self.settings, self.styles, decoder)
        self._style_targets: dict[Any, Any] = {}

    def motion(self, frames: Sequence[np.ndarray]) -> None:
        """Nothing: every frame is for itself."""
        return None

    def paint(
        self, frame: np.ndarray, motion: None, painted: Sequence[np.ndarray]
    ) -> np.ndarray:
        """The painted frame; as of `Painter`."""
        content = to_image(frame)
        target = to_painted_colors(self.settings.color, content)
        image = self._begin(add_mirrored(target, self.pads))
        image = cut_off(image, self.pads)
        return to_frame(to_final_colors(self.settings.color, image, content))

    def _begin(self, content: Array) -> Array:
        """A picture (H, W, 3) from nothing, as `render` has it."""
        how = self.settings.optimization
        start: str | Array = how.init
        if self._one_pass is not None:
            start = self._one_pass(content)
        result = stylize_pyramid(
            self.network,
            content,
            self.styles,
            weights=self.settings.terms,
            levels=self.levels,
            steps=how.steps_at(len(self.levels)),
            config=self.settings.objective,
            optimizer=how.make_optimizer(len(self.levels)),
            init=start,
            key=jax.random.key(how.seed),
            ema=how.ema,
            keep_optimizer_state=how.keep_optimizer_state,
            margin=self.settings.geometry.margin,
            style_mix=self.settings.style_mix,
            make_targets=self._make_targets,
        )
        return result.image

    def _make_targets(
        self,
        network: Network,
        content: Array,
        styles: list[Array],
        config: Config,
        *,
        style_mix: Sequence[float] | None,
        with_content_style: bool,
    ) -> Targets:
        """As `compute_targets`, the paintings looked at once for all frames."""
        key = config, tuple(style.shape for style in styles)
        if key not in self._style_targets:
            self._style_targets[key] = style_targets(
                network, styles, config, style_mix=style_mix
            )
        style = self._style_targets[key]
        content_style = None
        if with_content_style:
            content_style = style_terms(network, content, style, config)
        return Targets(content_targets(network, content, config), style, content_style)


class OnePassPainter:
    """Frames that a trained network makes, each in one pass.

    Args:
        model: from `load_feedforward`.
        styles: paintings, (h, w, 3) each, or (h, w, 4) with alpha.
        strength: from 0, the frame itself, to 1; None is 1.
        style_mix: a weight for each of several paintings; equal if not given.
        color: "style", "content" or "match", as of `Settings`.
        reference: a frame of the clip, such as its first, to whose colours the
            paintings' are matched; needed for `color` "content" and "match".

    Raises:
        TypeError, ValueError: arguments that cannot be.
    """

    span = 0

    def __init__(
        self,
        model: FeedForward,
        styles: Sequence[Array],
        *,
        strength: float | None = None,
        smooth: float = 0.0,
        style_mix: Sequence[float] | None = None,
        color: str = "style",
        reference: np.ndarray | None = None,
    ) -> None:
        if smooth:
            raise ValueError("smooth is 0 in this version")
        self.model, self.color = model.prepared(), color
        self.strength = None if strength is None else jnp.float32(strength)
        matched = match_styles(color, styles, reference)
        self.style = _style_of(self.model, matched, style_mix)

    def motion(self, frames: Sequence[np.ndarray]) -> None:
        """Nothing: every frame is for itself."""
        return None

    def paint(
        self, frame: np.ndarray, motion: None, painted: Sequence[np.ndarray]
    ) -> np.ndarray:
        """The painted frame; as of `Painter`."""
        content = to_image(frame)
        target = to_painted_colors(self.color, content)
        image = _one_pass(self.model, target, self.style, self.strength)
        return to_frame(to_final_colors(self.color, image, content))


def _of_frames(settings: Settings, size: Size) -> Settings:
    """The settings for pictures that have their size already."""
    if settings.optimization.one_pass:
        raise ValueError("settings without steps are one pass; take OnePassPainter")
    if settings.optimization.init not in (*INITS, FEEDFORWARD):
        raise ValueError(
            f"a clip cannot start from a file ({settings.optimization.init}); init is "
            f"one of {', '.join((*INITS, FEEDFORWARD))}"
        )
    geometry = replace(settings.geometry, size=max(size), fit="long")
    return replace(settings, geometry=geometry)


def _resized(style: Array, settings: Settings, size: Size) -> Array:
    """A painting at the size that the settings say beside frames of `size`."""
    height, width = style.shape[:2]
    return resize(style, settings.geometry.style_size(height, width, size))


def _one_pass_start(
    settings: Settings, styles: Sequence[Array], decoder: FeedForward | None
) -> Any:
    """A function from a frame to where its optimisation starts; None, where that is
    not one pass."""
    if settings.optimization.init != FEEDFORWARD:
        return None
    if decoder is None:
        raise ValueError(
            'init "feedforward" needs the decoder; give decoder=load_feedforward()'
        )
    model, strength = decoder.prepared(), settings.terms.strength
    style = _style_of(model, styles, settings.style_mix)
    number = None if strength is None else jnp.float32(strength)
    return lambda content: _one_pass(model, content, style, number)


def _style_of(
    model: FeedForward, styles: Sequence[Array], style_mix: Sequence[float] | None
) -> Style:
    """What one pass needs of the paintings, once for the clip."""
    if style_mix is not None and len(style_mix) != len(styles):
        raise ValueError(
            f"got {len(style_mix)} style_mix weights for {len(styles)} styles; "
            "give one each"
        )
    wide = [repeat_mirrored(style, model.min_side) for style in styles]
    statistics = [_compiled_style_of(model, style) for style in wide]
    if len(statistics) == 1:
        return statistics[0]
    return feedforward.blended(statistics, style_mix)


_compiled_style_of = jax.jit(feedforward.style_of)

_apply_style = jax.jit(feedforward.apply_style)


def _one_pass(
    model: FeedForward, content: Array, style: Style, strength: Array | None
) -> Array:
    """What one pass makes of a picture (H, W, 3) of any size, in [0, 1]."""
    size = content.shape[0], content.shape[1]
    pads: Pads = pads_to(size, padded_size(size, 1, model.min_side))
    image = _apply_style(model, add_mirrored(content, pads), style, strength=strength)
    return jnp.clip(cut_off(image, pads), 0.0, 1.0)
