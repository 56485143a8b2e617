"""What is minimised: statistics and losses of features, the objective of an image."""

from jaxnst.losses.config import STYLE_LAYERS, Config, Weights
from jaxnst.losses.functional import (
    content_loss,
    gram_matrix,
    style_loss,
    total_variation,
)
from jaxnst.losses.moments import channel_moments, moment_loss
from jaxnst.losses.nearest import (
    earth_mover_loss,
    earth_mover_target,
    nearest_loss,
    palette_loss,
    relaxed_earth_mover,
    self_similarity_loss,
)
from jaxnst.losses.objectives import objective
from jaxnst.losses.regions import Regions, RegionTarget, composite
from jaxnst.losses.samples import Samples
from jaxnst.losses.sliced import histogram_loss, sliced_wasserstein
from jaxnst.losses.statistics import Moments, StyleStatistic
from jaxnst.losses.targets import Targets, make_targets
from jaxnst.losses.temporal import TemporalTarget, temporal_loss
from jaxnst.losses.wasserstein import GaussianTarget, gaussian_target, wasserstein_loss

__all__ = [
    "STYLE_LAYERS",
    "Config",
    "GaussianTarget",
    "RegionTarget",
    "Regions",
    "Targets",
    "TemporalTarget",
    "Weights",
    "composite",
    "content_loss",
    "gaussian_target",
    "gram_matrix",
    "make_targets",
    "objective",
    "style_loss",
    "temporal_loss",
    "total_variation",
    "wasserstein_loss",
    "channel_moments",
    "moment_loss",
    "earth_mover_loss",
    "earth_mover_target",
    "nearest_loss",
    "palette_loss",
    "relaxed_earth_mover",
    "self_similarity_loss",
    "Samples",
    "histogram_loss",
    "sliced_wasserstein",
    "Moments",
    "StyleStatistic",
]
