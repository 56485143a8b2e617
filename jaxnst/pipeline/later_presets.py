"""Presets of methods that compare distributions or nearest neighbours of features.

Each docstring says what the source prescribes and, where it is silent, what was taken.
"""

from jaxnst.losses.config import Config, Weights
from jaxnst.pipeline.settings import Geometry, Optimization, Settings

_VGG16_LAYERS = (
    *("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3"),
    *("relu4_1", "relu4_2", "relu4_3"),
)

_STROTSS_LAYERS = (*_VGG16_LAYERS[:7], "relu4_3", "relu5_3")

strotss = Settings(
    preset="strotss",
    network="vgg16",
    weights="torchvision",
    magnitude="torchvision",
    objective=Config(
        content_layers=_STROTSS_LAYERS,
        style_layers=_STROTSS_LAYERS,
        statistic="earth-mover",
        content_reduction="self_similarity",
        samples=1024,
        hypercolumns="raw",
        palette=0.25,
        clip=False,
    ),
    terms=Weights(alpha=16.0, beta=1.0, tv=0.5),
    geometry=Geometry(size=512, min_size=64),
    optimization=Optimization(
        steps=(200,),
        optimizer="rmsprop",
        learning_rate=0.002,
        laplacian=5,
        alpha_ratio=0.5,
        keep_optimizer_state=False,
        ema=0.98,
    ),
)
"""Kolkin et al. 2019: relaxed earth mover's distance of hypercolumns with their means
and covariances, and of colours; self-similarity as the content, 16 at 64 pixels and
half of it at each doubling; RMSprop 2e-3 on a Laplacian pyramid, 200 steps a level.
Differences: means and covariances are those of features over their root mean square;
the colours' weight is 1/4 throughout, where the source divides by the content's; the
last level's rate is not halved, and the first starts from the photograph, not from its
details on the painting's mean colour. Positions drawn at random leave grains: the
result is an average of the iterates, and a little smoothness is asked for."""

nnst = Settings(
    preset="nnst",
    network="vgg16",
    weights="torchvision",
    magnitude="torchvision",
    objective=Config(
        content_layers=_VGG16_LAYERS,
        style_layers=_VGG16_LAYERS,
        statistic="nearest",
        samples=4096,
        hypercolumns="per_channel",
        guide=0.75,
        padding="replicate-first",
        clip=False,
    ),
    terms=Weights(alpha=0.0, beta=1.0, tv=0.0),
    geometry=Geometry(size=512, min_size=64, margin=4),
    optimization=Optimization(
        steps=(200,),
        learning_rate=0.002,
        laplacian=8,
        keep_optimizer_state=False,
    ),
)
"""Kolkin et al. 2022: before each level every hypercolumn of three quarters of the
photograph's and a quarter of the picture's is given the painting's nearest, and these
are what the picture is to have; Adam 2e-3 on a Laplacian pyramid, 200 steps a level.
Differences: features are mixed, where the source mixes pictures; the painting is not
turned, and at most 20,480 of its positions are looked at; the last pass, layer by
layer, is left out: sharper, it loses more of the photograph; borders as in the
default."""

sliced = Settings(
    preset="sliced",
    objective=Config(
        content_layers=("relu4_2",),
        style_layers=(
            *("relu1_1", "relu1_2", "relu2_1", "relu2_2"),
            *("relu3_1", "relu3_2", "relu3_3", "relu3_4"),
            *("relu4_1", "relu4_2", "relu4_3", "relu4_4"),
        ),
        statistic="sliced",
        tv_kind="nine_point",
        samples=1024,
        padding="replicate-first",
    ),
    terms=Weights(alpha=0.5, beta=1.0, tv=4.0, style_weights=(1.0,) * 12),
    geometry=Geometry(size=512, min_size=128, margin=4),
    optimization=Optimization(
        steps=(100,), learning_rate=0.05, b2=0.99, lr_decay=0.4, ema=0.95
    ),
)
"""Heitz et al. 2021: sliced Wasserstein distances of all convolutions of four blocks,
each of weight 1, along other directions in every step, from the photograph.
Differences: each layer's distance is a share of the painting's energy there, where the
source adds them as they are and what is loud in the network alone counts; 1024
positions in each step, where the source takes all; Adam for its L-BFGS, which
directions that change lead astray; a little content, which the source, that makes
textures, has not: without it few shapes are left. Silent for pictures: size and
steps; levels, border and averages are the default's."""

nnfm = Settings(
    preset="nnfm",
    network="vgg16",
    weights="torchvision",
    magnitude="torchvision",
    objective=Config(
        content_layers=("relu3_1", "relu3_2", "relu3_3"),
        style_layers=("relu3_1", "relu3_2", "relu3_3"),
        statistic="nearest",
        content_reduction="mean",
        tv_kind="nine_point",
        padding="replicate-first",
    ),
    terms=Weights(alpha=0.002, beta=1.0, tv=1.0),
    geometry=Geometry(size=512, min_size=128, margin=4),
    optimization=Optimization(
        steps=(100,), learning_rate=0.05, b2=0.99, lr_decay=0.4, ema=0.95
    ),
)
"""Zhang et al. 2022, of radiance fields, here of one picture: mean cosine distance of
each feature of the third block from its nearest of the painting, with a little of the
content there. Differences: neighbours are looked for among features less their mean,
as in `nnst`; layers are compared one by one; the photograph is not recoloured first,
and stays greyer than the painting. Silent for pictures, whose pixels no scene ties
together: size, levels, optimiser, alpha, smoothness. As in the default, for at one
size and without averages all was noise; alpha where strokes are the painting's and
shapes are still there."""
