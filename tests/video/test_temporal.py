"""Warping, masks and the warping error against NumPy lines in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnst.video import temporal

RNG = np.random.default_rng(0)
SIZE = (9, 11)
IMAGE = RNG.random((*SIZE, 3)).astype(np.float32)
FLOW = RNG.normal(scale=2, size=(*SIZE, 2)).astype(np.float32)
OTHER = RNG.normal(scale=2, size=(*SIZE, 2)).astype(np.float32)

warp, unoccluded = jax.jit(temporal.warp), jax.jit(temporal.unoccluded)
warping_error = jax.jit(temporal.warping_error)


def line_warp(image, flow):
    """Pixel by pixel."""
    height, width = flow.shape[:2]
    moved = np.empty(image.shape)
    for y in range(height):
        for x in range(width):
            across = np.clip(x + np.float64(flow[y, x, 0]), 0, width - 1)
            down = np.clip(y + np.float64(flow[y, x, 1]), 0, height - 1)
            x0, y0 = int(min(across, width - 2)), int(min(down, height - 2))
            a, b = across - x0, down - y0
            moved[y, x] = (
                (1 - a) * (1 - b) * image[y0, x0] + a * (1 - b) * image[y0, x0 + 1]
                + (1 - a) * b * image[y0 + 1, x0] + a * b * image[y0 + 1, x0 + 1]
            )  # fmt: skip
    return moved


def line_unoccluded(flow, inverse):
    back = line_warp(np.float64(inverse), flow)
    flow = np.float64(flow)
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]]
    x, y = x + flow[..., 0], y + flow[..., 1]
    height, width = flow.shape[:2]
    outside = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
    squared = [np.sum(v**2, -1) for v in (flow + back, flow, back)]
    occluded = squared[0] >= 0.01 * (squared[1] + squared[2]) + 0.5
    steep = sum(np.sum(np.square(np.gradient(flow, axis=k)), -1) for k in (0, 1))
    boundary = steep > 0.01 * squared[1] + 0.002
    return ~(outside | occluded | boundary)


def test_warp():
    np.testing.assert_allclose(warp(IMAGE, FLOW), line_warp(IMAGE, FLOW), atol=2e-6)


def test_warp_by_whole_pixels_moves_to_the_bit():
    flow = np.zeros((*SIZE, 2), np.float32) + np.float32([-2, 1])
    moved = np.asarray(warp(IMAGE, flow))
    np.testing.assert_array_equal(moved[:-1, 2:], IMAGE[1:, :-2])


@pytest.mark.parametrize("size", [(1, 1), (4, 1)])
def test_the_narrowest_images(size):
    flow, image = np.full((*size, 2), 0.4, np.float32), np.ones((*size, 3), np.float32)
    np.testing.assert_allclose(warp(image, flow), image, rtol=1e-6)
    np.testing.assert_array_equal(jax.jit(temporal.is_smooth)(flow), np.ones(size))


def test_warp_is_differentiable_in_both():
    def value(image, flow):
        return jnp.sum(jnp.square(temporal.warp(image, flow)))

    inside = np.clip(FLOW, -0.9, 0.9)[2:-2, 2:-2]
    flow = np.zeros((*SIZE, 2), np.float32)
    flow[2:-2, 2:-2] = inside
    gradients = jax.jit(jax.grad(value, (0, 1)))(jnp.asarray(IMAGE), jnp.asarray(flow))
    for place, array, gradient in zip((0, 1), (IMAGE, flow), gradients, strict=True):
        way = RNG.normal(size=array.shape)
        if place:  # no kink between pixels on the way, nor at the borders
            way[flow == 0] = 0

        def along(step, place=place, way=way):
            arrays = [np.float64(IMAGE), np.float64(flow)]
            arrays[place] = arrays[place] + step * way
            return np.sum(line_warp(*arrays) ** 2)

        wanted = (along(1e-6) - along(-1e-6)) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * way), wanted, rtol=1e-3)


def smooth_flows():
    """Forward and backward of a square that moves to the right over still ground."""
    forward, backward = np.zeros((2, 20, 30, 2), np.float32)
    forward[5:15, 5:15, 0], backward[5:15, 10:20, 0] = 5, -5
    return forward, backward


@pytest.mark.parametrize("flows", [(FLOW, OTHER), (FLOW / 9, -FLOW / 9)])
def test_mask_of_random_flows(flows):
    np.testing.assert_array_equal(
        unoccluded(*flows), line_unoccluded(*flows).astype(np.float32)
    )


def test_mask_of_a_moving_square():
    forward, backward = smooth_flows()
    mask = np.asarray(unoccluded(backward, forward))
    np.testing.assert_array_equal(mask, line_unoccluded(backward, forward))
    seen = np.asarray(jax.jit(temporal.is_consistent)(backward, forward))
    uncovered = np.zeros((20, 30), bool)
    uncovered[5:15, 5:10] = True
    np.testing.assert_array_equal(seen == 0, uncovered)
    assert mask[10, 15] == 1 and mask[10, 10] == 0  # inside, and at its boundary


def test_what_comes_from_outside_is_not_seen():
    flow = np.zeros((*SIZE, 2), np.float32) + np.float32([3, 0])
    inside = np.asarray(temporal.is_inside(flow))
    assert inside[:, :-3].all() and not inside[:, -3:].any()
    assert np.asarray(temporal.is_inside(flow * 0 - 0.4)).all()


def test_warping_error():
    second = RNG.random((*SIZE, 3)).astype(np.float32)
    mask = (RNG.random(SIZE) > 0.4).astype(np.float32)
    difference = (line_warp(np.float64(second), FLOW) - IMAGE) * mask[..., None]
    wanted = (difference**2).sum() / (3 * mask.sum())
    found = warping_error(IMAGE, second, FLOW, mask)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert warping_error(IMAGE, second, FLOW, np.zeros_like(mask)) == 0


def test_each_pixel_is_of_the_nearest_frame_that_shows_it():
    images = np.stack([np.full((*SIZE, 3), n, np.float32) for n in (1, 2, 3)])
    masks = (RNG.random((3, *SIZE)) > 0.5).astype(np.float32)
    image, mask = jax.jit(temporal.nearest_seen)(images, masks)
    long_term, taken = np.zeros(SIZE), np.zeros(SIZE)
    for number, own in zip((1, 2, 3), masks, strict=True):  # Ruder et al., eq. 10
        new = np.maximum(own - taken, 0)
        long_term, taken = long_term + number * new, taken + new
    np.testing.assert_array_equal(mask, taken)
    np.testing.assert_array_equal(np.asarray(image)[..., 0] * mask, long_term)
