"""How close a picture is to a painting's style and to a photograph's content.

Judged in a network that the picture was not optimised in: GoogLeNet, or the first three
blocks of the real VGG-19 where GoogLeNet's weights are not at hand. The numbers of one
network say nothing about those of another.

What they do not see:
- A network prefers what was made with it. Never judge in the network that the picture
  was optimised in, and distrust one that that network was distilled from.
- Style is mean and covariance of features: where a colour or stroke lies, whether
  strokes follow the objects, and anything larger than the receptive fields (a swirl
  over half the picture) count for nothing.
- Patches copied from the painting score well. Pixel noise scores well at full scale;
  the two coarser scales, where it averages out, hold against it but do not exclude it.
- Content is coarse structure (16 pixels a position in GoogLeNet, 4 in VGG): lost
  letters and faces cost little.
- Pictures are shrunk to the largest scale, detail finer than that is not looked at.
Compare several pairs, and look at the pictures: eyes decide in the end.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst import _checks
from jaxnst.images import fit_size, resize
from jaxnst.linalg import matmul, orthogonal_factor
from jaxnst.losses import functional
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network

SCALES = (256, 128, 64)  # long side in pixels; content is judged at the first

_LEAST = 1e-4  # of tr B: real pairs lie above it by a factor of thousands

# Layers of the style, layer of the content; a VGG's lie in its first three blocks.
_VGG = ("relu1_1", "relu2_1", "relu3_1"), "relu3_3"

_INCEPTIONS = tuple(f"inception_{name}" for name in ("3a", "3b", "4a", "4b", "4c"))

_GOOGLENET = ("conv1", "conv2", *_INCEPTIONS), "inception_4c"


class Scores(NamedTuple):
    """What the judge says of a picture; lower is better.

    Attributes:
        style: `style_distance`, 1 for the photograph, 0 for the painting.
        content: `content_distance`, 0 for the photograph.
        q: style + content / 2, about constant along a method's own trade-off.
    """

    style: Array
    content: Array
    q: Array


class Cloud(NamedTuple):
    """The Gaussian of feature vectors (n of them, c channels each).

    Attributes:
        mean: (c,).
        root: (min(n, c), c), R with Rᵀ R the covariance.
    """

    mean: Array
    root: Array


def cloud(features: Array) -> Cloud:
    """Mean and a root of the covariance of a feature map (h, w, c).

    The centred features X / √n themselves where they are few, or else the symmetric
    root H = Uᵀ X / √n: the covariance is never formed, whose small eigenvalues float32
    would lose.
    """
    vectors = features.astype(jnp.float32).reshape(-1, features.shape[-1])
    mean = jnp.mean(vectors, axis=0)
    root = (vectors - mean[None, :]) * vectors.shape[0] ** -0.5
    if root.shape[0] > root.shape[1]:
        root = matmul(orthogonal_factor(root).T, root)
    return Cloud(mean, root)


def wasserstein_squared(a: Cloud, b: Cloud) -> Array:
    """Squared Wasserstein-2 distance between two Gaussians.

    W² = |μ - ν|² + tr(A + B - 2 (B^½ A B^½)^½) (Dowson and Landau 1982). For A = Rᵀ R
    and B = Sᵀ S the root's trace is the sum of the singular values of M = R Sᵀ, which
    is tr(Uᵀ M) for its polar factor U: right for covariances without full rank, too.
    Only for judging; to optimise, take `gaussians.wasserstein_loss`.

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


def _layers(network: Network) -> tuple[tuple[str, ...], str]:
    """Layers of the style, layer of the content."""
    return _GOOGLENET if isinstance(network.module, GoogLeNet) else _VGG


def _sizes(network: Network, picture: Array, name: str) -> tuple[tuple[int, int], ...]:
    """(height, width) of a picture at every scale, the aspect kept."""
    height, width = picture.shape[:2]
    sizes = tuple(fit_size(height, width, scale) for scale in SCALES)
    least = network.min_side(_layers(network)[0])
    if min(sizes[-1]) < least:
        raise ValueError(
            f"{name} is {width} x {height} pixels, too narrow: "
            f"shrunk to a long side of {SCALES[-1]} its short side has {min(sizes[-1])}"
            f", the judge needs {least}; crop it"
        )
    return sizes


@partial(jax.jit, static_argnames="sizes")
def _clouds(
    network: Network, picture: Array, sizes: tuple[tuple[int, int], ...]
) -> list[Cloud]:
    """The Gaussian of every style layer at every one of `sizes`."""
    layers, _ = _layers(network)
    features = [network(resize(picture, size), layers) for size in sizes]
    return [cloud(maps[layer]) for maps in features for layer in layers]


@jax.jit
def _mean_ratio(image: list[Cloud], content: list[Cloud], style: list[Cloud]) -> Array:
    triples = zip(image, content, style, strict=True)
    return jnp.mean(jnp.stack([_ratio(x, c, s) for x, c, s in triples]))


def _ratio(image: Cloud, content: Cloud, style: Cloud) -> Array:
    """W²(image, style) / W²(content, style)."""
    own = wasserstein_squared(content, style)
    # Where the photograph is the painting, its distance is a rounding error.
    own = jnp.maximum(own, _LEAST * jnp.sum(jnp.square(style.root)))
    return wasserstein_squared(image, style) / jnp.where(own > 0, own, 1.0)


@partial(jax.jit, static_argnames="size")
def _content_features(network: Network, picture: Array, size: tuple[int, int]) -> Array:
    _, layer = _layers(network)
    return network(resize(picture, size), [layer])[layer]


def style_distance(
    network: Network, image: Array, content: Array, style: Array
) -> Array:
    """How far `image` is from the painting, as a share of the photograph's distance.

    (1 / K L) Σ_k Σ_l W²(X_kl, S_kl) / W²(C_kl, S_kl) with W² the squared Wasserstein-2
    distance between the Gaussians X, C, S of picture, photograph and painting, over
    L layers l (GoogLeNet: conv1, conv2, inception_3a, 3b, 4a, 4b, 4c; VGG: relu1_1,
    relu2_1, relu3_1) and K = 3 scales k (long side 256, 128, 64; smaller pictures are
    enlarged). Squares, and the mean of ratios: so counted, a plain Gram objective gives
    0.54, 0.58 and 0.47 on three pairs for which 0.53, 0.57 and 0.46 are on record; the
    distances themselves would give 0.72, 0.75 and 0.67.

    Scales are made by `ops.resize`, within the compiled code and by the same filter for
    all three pictures; in linear light the numbers differ by less than 0.01.

    Args:
        network: GoogLeNet or a VGG, other than the one that `image` was optimised in.
        image, content, style: (H, W, 3) in [0, 1], each of its own size; `content` is
            brought to the size of `image`.

    Returns:
        A scalar, float32: 1 for the photograph, 0 for the painting (and for both where
        they are the same). Pure; may be jitted, and vmapped over pictures of one size.

    Raises:
        TypeError, ValueError: not such a picture, one too narrow, or a network that
            does not hold the layers.
    """
    image = _checks.check_image(image)
    content = _checks.check_image(content, "content")
    style = _checks.check_image(style, "style")
    sizes = _sizes(network, image, "image")
    return _mean_ratio(
        _clouds(network, image, sizes),
        _clouds(network, content, sizes),
        _clouds(network, style, _sizes(network, style, "style")),
    )


def content_distance(network: Network, image: Array, content: Array) -> Array:
    """How far `image` is from the photograph: Σ (F - P)² / Σ P².

    F and P are the features of picture and photograph at long side 256, in GoogLeNet
    those of inception_4c, in a VGG those of relu3_3.

    Args:
        network, image, content: as of `style_distance`.

    Returns:
        A scalar, float32: 0 for the photograph, 1 for features that are 0 everywhere.

    Raises:
        TypeError, ValueError: as of `style_distance`.
    """
    image = _checks.check_image(image)
    content = _checks.check_image(content, "content")
    size = _sizes(network, image, "image")[0]
    return functional.content_loss(
        _content_features(network, image, size),
        _content_features(network, content, size),
        reduction="relative",
    )


def judge(network: Network, image: Array, content: Array, style: Array) -> Scores:
    """Both distances and Q = style + content / 2; arguments as of `style_distance`."""
    style_part = style_distance(network, image, content, style)
    content_part = content_distance(network, image, content)
    return Scores(style_part, content_part, style_part + content_part / 2)
