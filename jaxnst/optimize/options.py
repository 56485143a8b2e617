"""How images are optimised, one or many: the options that all such calls share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from jax import Array

from jaxnst.losses.config import Config
from jaxnst.optimize import optimizers
from jaxnst.optimize.schedule import Schedule
from jaxnst.optimize.single import check_ema


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of `stylize_pyramid`, `grid_search` and `stylize_batch`, each a
    keyword of theirs.

    Attributes:
        config: layers and conventions; None, `Config()`.
        optimizer: any `optax.GradientTransformation`, or one of `jaxnst.optimizers`,
            whose numbers may be arrays with an axis of items; None, Adam.
        steps: at each level, or one number for all levels.
        levels: sizes in turn, as fractions of the final one.
        keep_optimizer_state, margin, alpha_ratio: as of `Schedule`.
        init: "content", "noise", "style", or an image of the content's size (of a
            batch, one for each pair).
        key: `jax.random.key(seed)` for noise, or an array of such.
        ema: decay of an exponential moving average of the iterates, which is then the
            result; None, the last iterate is. A number, or an array of such.
        style_mix: a weight for each of several style images.
        regions: `jaxnst.Regions`, which parts take which style, with masks of the
            images' sizes; of a batch for each pair such or None.

    Raises:
        ValueError: an average or a schedule that cannot be.
    """

    config: Config | None = None
    optimizer: optimizers.Optimizer | None = None
    steps: int | Sequence[int] = 300
    levels: Sequence[float] = (1.0,)
    keep_optimizer_state: bool = True
    margin: int = 0
    alpha_ratio: float = 1.0
    init: Any = "content"
    key: Array | None = None
    ema: Any = None
    style_mix: Sequence[float] | None = None
    regions: Any = None

    def __post_init__(self) -> None:
        check_ema(self.ema)

    @property
    def schedule(self) -> Schedule:
        """Levels and steps, checked."""
        steps = self.steps
        counts = (steps,) * len(self.levels) if isinstance(steps, int) else tuple(steps)
        levels = tuple(self.levels)
        return Schedule(
            levels, counts, self.keep_optimizer_state, self.margin, self.alpha_ratio
        )


class RunKeywords(TypedDict, total=False):
    """`RunOptions` as keywords of a call."""

    config: Config | None
    optimizer: optimizers.Optimizer | None
    steps: int | Sequence[int]
    levels: Sequence[float]
    keep_optimizer_state: bool
    margin: int
    alpha_ratio: float
    init: Any
    key: Array | None
    ema: Any
    style_mix: Sequence[float] | None
    regions: Any
