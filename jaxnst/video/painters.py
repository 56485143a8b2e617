"""What paints the frames of a clip, one after another.

A painter keeps nothing between frames but what is compiled and what the paintings
alone decide: the same arguments give the same frame, so that a clip can be gone on
with from frames on disk.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.feedforward.model import FeedForward
from jaxnst.images import resize
from jaxnst.images.mirroring import add_mirrored, cut_off, pads_to, repeat_mirrored
from jaxnst.losses.config import Config
from jaxnst.losses.regions import Regions
from jaxnst.losses.targets import Targets, style_targets, targets_with_style
from jaxnst.losses.temporal import TemporalTarget
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize.initial import FEEDFORWARD, INITS
from jaxnst.optimize.optimizers import DEFAULT_RATES
from jaxnst.optimize.pyramid import stylize_pyramid
from jaxnst.optimize.schedule import add_margin
from jaxnst.pipeline.run import levels_at, min_side, padded_size
from jaxnst.pipeline.settings import Color, Optimization, Settings
from jaxnst.video import flow
from jaxnst.video.coloring import (
    match_styles,
    to_final_colors,
    to_frame,
    to_image,
    to_painted_colors,
)
from jaxnst.video.earlier import last_of, offsets_of, seen_before
from jaxnst.video.masks import ClipMasks, FrameMask
from jaxnst.video.motion import Carried, Motion, motion_between
from jaxnst.video.one_pass import paint_once, start_of, style_of_paintings
from jaxnst.video.parts import Cover, parts_of, stay

Size = tuple[int, int]


class OptimisedPainter:
    """Frames that are optimised, each from the painted one before.

    What was seen before starts as it was painted, moved along with the optical flow,
    and is held there by the temporal term; what was not starts from one pass, or from
    the frame. The first frame of a shot is painted as `render` paints a picture. All
    frames go through the same compiled loop; sizes below the final one are for the
    first frame of a shot alone.

    Args:
        network: the feature network.
        styles: paintings, (h, w, 3) each, or (h, w, 4) with alpha.
        settings: of a picture, for the first frame of a shot; its sizes are the
            frames', its `init` is not a file.
        size: (height, width) of the frames.
        temporal: weight of the temporal term, a mean square over pixels in [0, 1],
            for relative terms as the default's; losses of another size need another.
            0, every frame for itself.
        long_term: how many frames back to look for what the frame before does not
            show: at 1, 2, 4 ... frames, up to this many; 0, the one before alone.
        steps: of every frame but the first of a shot.
        learning_rate: of these, as a share of the settings'; not of L-BFGS.
        decoder: of one pass, where the settings start from it and for what was not
            seen before.
        reference: a frame of the clip, such as its first, to whose colours the
            paintings' are matched; needed for `Settings.color` "content" and "match",
            and where something is protected.
        masks: from `open_masks`, which parts of the frames are painted, and how.

    Raises:
        ImportError: OpenCV is not installed, and `temporal` not 0.
        TypeError, ValueError: arguments that cannot be.
    """

    def __init__(
        self,
        network: Network,
        styles: Sequence[Array],
        settings: Settings,
        *,
        size: Size,
        temporal: float = 100.0,
        long_term: int = 0,
        steps: int = 10,
        learning_rate: float = 0.05,
        decoder: FeedForward | None = None,
        reference: np.ndarray | None = None,
        masks: ClipMasks | None = None,
    ) -> None:
        _checks.check_number(temporal, "temporal")
        _checks.check_number(learning_rate, "learning_rate", minimum=1e-6)
        _checks.check_whole(steps, "steps")
        check_network(network)
        self.settings = _of_frames(settings, size)
        config = self.settings.objective
        network = network.prepared(config.layers, config.precision)
        self.network = network
        self.size, self.temporal, self.steps = size, jnp.float32(temporal), steps
        self.offsets = offsets_of(long_term) if temporal else ()
        self.span = max(self.offsets, default=0)
        if self.span:
            flow.check_available()
        self.rate = learning_rate
        geometry, least = self.settings.geometry, min_side(settings, network)
        self.pads = pads_to(size, padded_size(size, 1, least - 2 * geometry.margin))
        self.levels = levels_at(self.settings, network, size)
        shortest = -int(-least // self.levels[0])
        resized = [
            _resized(style, self.settings, size)
            for style in _checks.check_images(styles, "styles", alpha=True)
        ]
        matched = match_styles(settings.color, resized, reference)
        self.styles = [repeat_mirrored(style, shortest) for style in matched]
        self.parts = parts_of(
            masks,
            matched,
            reference,
            color=settings.color,
            style_mix=settings.style_mix,
        )
        self.style_masks: tuple[Array, ...] | None = None
        if self.parts is not None:
            own = self.parts.styles
            self.style_masks = tuple(repeat_mirrored(mask, shortest) for mask in own)
        self._one_pass = start_of(self.settings, self.styles, decoder, self.style_masks)
        self._style_targets: dict[Any, Any] = {}

    def motion(self, frames: Sequence[np.ndarray]) -> Motion:
        """Flows and cuts; as of `Painter`."""
        return motion_between(frames, self.offsets)

    def paint(
        self,
        frame: np.ndarray,
        motion: Motion,
        painted: Sequence[np.ndarray],
        masks: Sequence[FrameMask] = (),
    ) -> np.ndarray:
        """The painted frame; as of `Painter`.

        Raises:
            ValueError: a frame of another size, or fewer painted frames than flows.
        """
        content = to_image(frame)
        _check_size(frame, self.size)
        if motion.still and stay(masks):
            return last_of(painted).copy()
        if self.parts is not None and masks and not masks[-1].weights.any():
            return frame.copy()
        cover = None if self.parts is None else self.parts.cover(masks, content)
        color = self.settings.color
        shown = content if cover is None else cover.kept
        wide = add_mirrored(to_painted_colors(color, shown), self.pads)
        target = _Target(wide, self._regions(cover))
        seen = seen_before(painted, motion, self.offsets, color, masks, cover)
        if seen is None:
            image = self._begin(target)
        else:
            earlier = Carried(*(add_mirrored(part, self.pads) for part in seen))
            image = self._go_on(target, earlier)
        image = cut_off(image, self.pads)
        image = to_final_colors(color, image, content, self.settings.photorealism)
        return to_frame(image if cover is None else cover.finished(image))

    def _regions(self, cover: Cover | None) -> Regions | None:
        if cover is None or self.style_masks is None:
            return None
        return Regions(add_mirrored(cover.weights, self.pads), self.style_masks)

    def _begin(self, target: "_Target") -> Array:
        """A picture (H, W, 3) from nothing, as `render` has it."""
        how = self.settings.optimization
        start = self._start(target) if how.init == FEEDFORWARD else how.init
        return self._optimise(target, start, how, self.levels, None)

    def _go_on(self, target: "_Target", seen: Carried) -> Array:
        """A picture (H, W, 3) from earlier ones, moved along, where they show it."""
        how = replace(
            self.settings.optimization,
            steps=(self.steps,),
            learning_rate=self._rate(),
        )
        start = jnp.where(seen.known > 0, seen.start, self._start(target))
        return self._optimise(target, start, how, (1.0,), seen)

    def _rate(self) -> float:
        """Of frames but the first. L-BFGS finds its own length of steps."""
        how = self.settings.optimization
        given = how.learning_rate
        rate = DEFAULT_RATES[how.optimizer] if given is None else given
        return rate if how.optimizer.startswith("lbfgs") else rate * self.rate

    def _start(self, target: "_Target") -> Array:
        """What one pass makes of a picture; the picture, where there is no decoder."""
        if self._one_pass is None:
            return target.content
        weights = None if target.regions is None else target.regions.content
        made: Array = self._one_pass(target.content, weights)
        return made

    def _optimise(
        self,
        target: "_Target",
        start: str | Array,
        how: Optimization,
        levels: tuple[float, ...],
        seen: Carried | None,
    ) -> Array:
        """Optimise a picture, all of them by the same compiled loop."""
        result = stylize_pyramid(
            self.network,
            target.content,
            self.styles,
            weights=self.settings.terms,
            levels=levels,
            steps=how.steps_at(len(levels)),
            config=self.settings.objective,
            optimizer=how.make_optimizer(len(levels)),
            init=start,
            key=jax.random.key(how.seed),
            ema=how.ema,
            keep_optimizer_state=how.keep_optimizer_state,
            margin=self.settings.geometry.margin,
            style_mix=self.settings.style_mix,
            make_targets=partial(self._make_targets, seen),
            regions=target.regions,
        )
        return result.image

    def _make_targets(
        self,
        seen: Carried | None,
        network: Network,
        content: Array,
        styles: list[Array],
        config: Config,
        *,
        style_mix: Sequence[float] | None,
        with_content_style: bool,
        regions: Regions | None = None,
    ) -> Targets:
        """As `compute_targets`, the paintings looked at once for all frames.

        Args:
            seen: earlier pictures; None, none.
        """
        key = config, tuple(style.shape for style in styles)
        if key not in self._style_targets:
            self._style_targets[key] = style_targets(
                network, styles, config, style_mix=style_mix, regions=regions
            )
        targets = targets_with_style(
            network,
            content,
            self._style_targets[key],
            config,
            with_content_style=with_content_style,
            regions=regions,
        )
        temporal = None
        if self.span:
            earlier, mask = jnp.zeros_like(content), jnp.zeros_like(content[..., :1])
            if seen is not None:
                margin = self.settings.geometry.margin
                earlier, mask = (add_margin(x, margin) for x in seen[:2])
            temporal = TemporalTarget(earlier, mask[..., 0], self.temporal)
        return replace(targets, temporal=temporal)


class OnePassPainter:
    """Frames that a trained network makes, each in one pass, and steadied.

    y_t = o_t + s m (w(y_(t-1)) - o_t), with o_t what one pass makes of the frame, w the
    optical flow's motion, m what was seen before, and s `smooth`.

    Args:
        model: from `load_feedforward`.
        styles: paintings, (h, w, 3) each, or (h, w, 4) with alpha.
        strength: from 0, the frame itself, to 1; None is 1.
        smooth: share of the painted frame before, from 0, every frame for itself, to
            below 1.
        style_mix: a weight for each of several paintings; equal if not given.
        color: "style", "content" or "match", as of `Settings`.
        photorealism: as of `Settings`.
        reference: a frame of the clip, such as its first, to whose colours the
            paintings' are matched; needed for `color` "content" and "match", and where
            something is protected.
        masks: from `open_masks`, which parts of the frames are painted, and how.

    Raises:
        ImportError: OpenCV is not installed, and `smooth` not 0.
        TypeError, ValueError: arguments that cannot be.
    """

    def __init__(
        self,
        model: FeedForward,
        styles: Sequence[Array],
        *,
        strength: float | None = None,
        smooth: float = 0.6,
        style_mix: Sequence[float] | None = None,
        color: str = "style",
        photorealism: float | None = None,
        reference: np.ndarray | None = None,
        masks: ClipMasks | None = None,
    ) -> None:
        if not 0 <= _checks.check_number(smooth, "smooth") < 1:
            raise ValueError(f"smooth must be at least 0 and below 1, got {smooth}")
        _checks.check_choice(color, "color", get_args(Color))
        if photorealism is not None:
            _checks.check_number(photorealism, "photorealism", maximum=0.5)
        self.model, self.color = model.prepared(), color
        self.photorealism = photorealism
        self.smooth = jnp.float32(smooth)
        self.offsets: tuple[int, ...] = (1,) if smooth else ()
        self.span = len(self.offsets)
        if self.span:
            flow.check_available()
        self.strength = None if strength is None else jnp.float32(strength)
        matched = match_styles(color, styles, reference)
        self.parts = parts_of(
            masks, matched, reference, color=color, style_mix=style_mix
        )
        own = None if self.parts is None else self.parts.styles
        self.style = style_of_paintings(self.model, matched, style_mix, own)

    def motion(self, frames: Sequence[np.ndarray]) -> Motion:
        """Flows and cuts; as of `Painter`."""
        return motion_between(frames, self.offsets)

    def paint(
        self,
        frame: np.ndarray,
        motion: Motion,
        painted: Sequence[np.ndarray],
        masks: Sequence[FrameMask] = (),
    ) -> np.ndarray:
        """The painted frame; as of `Painter`.

        Raises:
            ValueError: fewer painted frames than flows.
        """
        content = to_image(frame)
        if motion.still and stay(masks):
            return last_of(painted).copy()
        if self.parts is not None and masks and not masks[-1].weights.any():
            return frame.copy()
        cover = None if self.parts is None else self.parts.cover(masks, content)
        weights = None if cover is None else cover.weights
        shown = content if cover is None else cover.kept
        target = to_painted_colors(self.color, shown)
        image = paint_once(self.model, target, self.style, self.strength, weights)
        if cover is not None:
            image = cover.over(image, target)
        seen = seen_before(painted, motion, self.offsets, self.color, masks, cover)
        if seen is not None:
            image = _steadied(image, seen.image, seen.mask, self.smooth)
        image = to_final_colors(self.color, image, content, self.photorealism)
        return to_frame(image if cover is None else cover.finished(image))


class _Target(NamedTuple):
    """What is painted: the frame, mirrored where it is too narrow, and its regions."""

    content: Array
    regions: Regions | None


@jax.jit
def _steadied(image: Array, earlier: Array, mask: Array, smooth: Array) -> Array:
    return image + smooth * mask * (earlier - image)


def _check_size(frame: np.ndarray, size: Size) -> None:
    if frame.shape[:2] != size:
        raise ValueError(
            f"the frame is {frame.shape[1]} x {frame.shape[0]} pixels, the painter is "
            f"for {size[1]} x {size[0]}; resize the frame"
        )


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
