"""How close an image is to the style of one image and to the content of another.

Judged in a network that the image was not optimised in: GoogLeNet, and beside it, so
that nobody tunes to one judge alone, the complete VGG-16; or the first three blocks of
another VGG where the weights of both are missing. The numbers of one network say
nothing about those of another.

What they do not see:
- A network prefers what was made with it. Never judge in the network that the image
  was optimised in, which for presets on VGG-16 is VGG-16, and distrust one that that
  network was distilled from. VGG-16 is kin to VGG-19: what it alone finds better than
  GoogLeNet does may be that.
- Style is mean and covariance of features: where a colour or stroke lies, whether
  strokes follow the objects, and anything larger than the receptive fields (a swirl
  over half the image) count for nothing.
- Patches copied from the style image score well. Pixel noise scores well at full scale;
  the two coarser scales, where it averages out, hold against it but do not exclude it.
- Content is coarse structure (16 pixels a position in GoogLeNet, 8 in VGG-16, 4 in
  another VGG): lost letters and faces cost little.
- Images are shrunk to the largest scale; finer detail is not compared.
Compare several pairs, and look at the images: eyes decide in the end.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks
from jaxnst._types import AnyArray, UncheckedImage
from jaxnst.images import fit_size, resize
from jaxnst.images.mirroring import repeat_mirrored
from jaxnst.linalg import matmul, orthogonal_factor
from jaxnst.losses import functional
from jaxnst.losses.masks import position_weights, split_alpha
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network, check_network

SCALES = (256, 128, 64)  # long side in pixels; content is judged at the first

# Share of tr B that W² between content and style counts as at least: real pairs lie
# above it by a factor of thousands.
_MIN_DISTANCE = 1e-4

# Style layers, content layer. VGG-19 has no deeper ones: pictures are made in it, and
# its first three blocks may be all that there is.
_VGG = ("relu1_1", "relu2_1", "relu3_1"), "relu3_3"

_VGG16 = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"), "relu4_3"

_INCEPTIONS = tuple(f"inception_{name}" for name in ("3a", "3b", "4a", "4b", "4c"))

_GOOGLENET = ("conv1", "conv2", *_INCEPTIONS), "inception_4c"


class Scores(NamedTuple):
    """How an image is judged; lower is better.

    Attributes:
        style: `style_distance`, 1 for the content image, 0 for the style image.
        content: `content_distance`, 0 for the content image.
        q: style + content / 2, about constant along a method's own trade-off.
    """

    style: Float[Array, ""]
    content: Float[Array, ""]
    q: Float[Array, ""]


class FactoredGaussian(NamedTuple):
    """The Gaussian of n feature vectors of c channels each, its covariance factored.

    Attributes:
        mean: (c,).
        root: (min(n, c), c), R with Rᵀ R the covariance.
    """

    mean: Float[Array, " c"]
    root: Float[Array, "r c"]


def factored_gaussian(
    features: Float[AnyArray, "h w c"],
    weights: Float[AnyArray, "h w"] | None = None,
) -> FactoredGaussian:
    """Mean and a root of the covariance of a feature map (h, w, c).

    The centred features X / √n themselves where they are few, or else the symmetric
    root H = Uᵀ X / √n: the covariance is never formed, whose small eigenvalues float32
    would lose.

    Args:
        weights: how much each position counts, with mean 1; None, all the same.
    """
    vectors = features.astype(jnp.float32).reshape(-1, features.shape[-1])
    if weights is None:
        mean = jnp.mean(vectors, axis=0)
        root = (vectors - mean[None, :]) * vectors.shape[0] ** -0.5
    else:
        column = weights.reshape(-1, 1)
        mean = jnp.mean(vectors * column, axis=0)
        root = (vectors - mean[None, :]) * jnp.sqrt(column / vectors.shape[0])
    if root.shape[0] > root.shape[1]:
        root = matmul(orthogonal_factor(root).T, root)
    return FactoredGaussian(mean, root)


def wasserstein_squared(a: FactoredGaussian, b: FactoredGaussian) -> Float[Array, ""]:
    """Squared Wasserstein-2 distance between two Gaussians.

    W² = |μ - ν|² + tr(A + B - 2 (B^½ A B^½)^½) (Dowson and Landau 1982). For A = Rᵀ R
    and B = Sᵀ S the root's trace is the sum of the singular values of M = R Sᵀ, which
    is tr(Uᵀ M) for its polar factor U: right for covariances without full rank, too.
    Only for judging; to optimise, take `losses.wasserstein_loss`.

    Args:
        a, b: (μ, R) and (ν, S) over the same channels.

    Returns:
        A scalar, float32, with an error of about 1e-5 (tr A + tr B).
    """
    product = matmul(a.root, b.root.T)
    if product.shape[0] < product.shape[1]:
        product = product.T
    common = jnp.sum(orthogonal_factor(product) * product)
    traces = jnp.sum(jnp.square(a.root)) + jnp.sum(jnp.square(b.root))
    square = jnp.sum(jnp.square(a.mean - b.mean)) + traces - 2.0 * common
    return jnp.maximum(square, 0.0)  # rounding


def may_judge(judge: Network, network: Network) -> bool:
    """Whether a judge is another network than the one that an image was made with.

    Two GoogLeNets or two VGG-16s are not: they differ by their training alone. Two
    VGG-19s may be a narrow one and the first blocks of the real one.
    """
    both = {judge.module.architecture, network.module.architecture}
    return judge.checksum != network.checksum and both not in ({"googlenet"}, {"vgg16"})


def _layers(network: Network) -> tuple[tuple[str, ...], str]:
    """Style layers, content layer; a VGG-16 that is not complete has any VGG's."""
    if isinstance(network.module, GoogLeNet):
        return _GOOGLENET
    complete = network.module.architecture == "vgg16" and "relu5_3" in network.layers
    return _VGG16 if complete else _VGG


def _sizes(image: Float[Array, "h w _"]) -> tuple[tuple[int, int], ...]:
    """(height, width) of an image at every scale, with its aspect ratio."""
    height, width = image.shape[:2]
    return tuple(fit_size(height, width, scale) for scale in SCALES)


def _at_size(
    network: Network, image: Float[Array, "h w _"], size: tuple[int, int]
) -> Float[Array, "_ _ _"]:
    """An image resized and, where that is too narrow for the layers, followed by
    mirrored copies of itself."""
    least = network.min_side(_layers(network)[0])
    return repeat_mirrored(resize(image, size), least)


@partial(jax.jit, static_argnames="sizes")
def _gaussians(
    network: Network,
    image: Float[Array, "h w _"],
    sizes: tuple[tuple[int, int], ...],
) -> list[FactoredGaussian]:
    """The Gaussian of every style layer at every one of `sizes`."""
    layers, _ = _layers(network)
    found = []
    for size in sizes:
        color, alpha = split_alpha(_at_size(network, image, size))
        maps = network(color, layers)
        found += [
            factored_gaussian(maps[k], position_weights(alpha, maps[k].shape))
            for k in layers
        ]
    return found


@jax.jit
def _mean_ratio(
    image: list[FactoredGaussian],
    content: list[FactoredGaussian],
    style: list[FactoredGaussian],
) -> Float[Array, ""]:
    triples = zip(image, content, style, strict=True)
    return jnp.mean(jnp.stack([_ratio(x, c, s) for x, c, s in triples]))


def _ratio(
    image: FactoredGaussian, content: FactoredGaussian, style: FactoredGaussian
) -> Float[Array, ""]:
    """W²(image, style) / W²(content, style)."""
    distance = wasserstein_squared(content, style)
    # Where the content image is the style image, their distance is a rounding error.
    trace = jnp.sum(jnp.square(style.root))
    distance = jnp.maximum(distance, _MIN_DISTANCE * trace)
    return wasserstein_squared(image, style) / jnp.where(distance > 0, distance, 1.0)


@partial(jax.jit, static_argnames="size")
def _content_features(
    network: Network, image: Float[Array, "h w 3"], size: tuple[int, int]
) -> Float[Array, "_ _ c"]:
    _, layer = _layers(network)
    return network(_at_size(network, image, size), [layer])[layer]


def style_distance(
    network: Network,
    image: UncheckedImage,
    content: UncheckedImage,
    style: UncheckedImage,
) -> Float[Array, ""]:
    """How far `image` is from `style`, divided by how far `content` is from it.

    (1 / K L) Σ_k Σ_l W²(X_kl, S_kl) / W²(C_kl, S_kl) with W² the squared Wasserstein-2
    distance between the Gaussians X, C, S of image, content and style, over L layers
    l (GoogLeNet: conv1, conv2, inception_3a, 3b, 4a, 4b, 4c; VGG-16 that reaches
    relu5_3: relu1_2, relu2_2, relu3_3, relu4_3, relu5_3; other VGG: relu1_1, relu2_1,
    relu3_1) and K = 3 scales k (long side 256, 128, 64; smaller images are enlarged).
    Squares, and the mean of ratios, so that the numbers can be compared with those on
    record.

    Scales are made by `images.resize`, within the compiled code and by the same filter
    for all three images; one too narrow for the layers is followed by mirrored copies.

    Args:
        network: GoogLeNet or a VGG, other than the one that `image` was optimised in.
        image, content, style: (H, W, 3) in [0, 1], each of its own size; `content` is
            brought to the size of `image`. Of a `style` with alpha, (H, W, 4), the
            opaque parts count.

    Returns:
        A scalar, float32: 1 for the content image, 0 for the style image (and for both
        where they are the same). Pure; may be jitted, and vmapped over images of one
        size.

    Raises:
        TypeError, ValueError: not such an image, or a network that does not hold the
            layers.
    """
    network = check_network(network)
    image = _checks.check_image(image, unclipped=True)
    content = _checks.check_image(content, "content")
    style = _checks.check_image(style, "style", alpha=True)
    sizes = _sizes(image)
    return _mean_ratio(
        _gaussians(network, image, sizes),
        _gaussians(network, content, sizes),
        _gaussians(network, style, _sizes(style)),
    )


def content_distance(
    network: Network, image: UncheckedImage, content: UncheckedImage
) -> Float[Array, ""]:
    """How far `image` is from `content`: Σ (F - P)² / Σ P².

    F and P are the features of image and content at long side 256, in GoogLeNet those
    of inception_4c, in a VGG-16 that reaches relu5_3 those of relu4_3, in another VGG
    those of relu3_3.

    Args:
        network, image, content: as of `style_distance`.

    Returns:
        A scalar, float32: 0 for the content image, 1 for features that are 0
        everywhere.

    Raises:
        TypeError, ValueError: as of `style_distance`.
    """
    network = check_network(network)
    image = _checks.check_image(image, unclipped=True)
    content = _checks.check_image(content, "content")
    size = _sizes(image)[0]
    return functional.content_loss(
        _content_features(network, image, size),
        _content_features(network, content, size),
        reduction="relative",
    )


def judge(
    network: Network,
    image: UncheckedImage,
    content: UncheckedImage,
    style: UncheckedImage,
) -> Scores:
    """Both distances and Q = style + content / 2; arguments as of `style_distance`."""
    style_part = style_distance(network, image, content, style)
    content_part = content_distance(network, image, content)
    return Scores(style_part, content_part, style_part + content_part / 2)


def check_judge(
    network: Network, size: tuple[int, int], content: Array, style: Array
) -> None:
    """Raise what `judge` would raise of a picture of (height, width), unseen.

    For a long run to fail at its start. Nothing is computed.

    Raises:
        TypeError, ValueError: as of `style_distance`.
    """
    image = jax.ShapeDtypeStruct((*size, 3), jnp.float32)
    jax.eval_shape(judge, network, image, content, style)
