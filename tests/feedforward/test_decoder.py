"""The decoder against PyTorch's own layers, and what it does not do at borders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnst.feedforward.decoder import Decoder, instance_norm, layer_table, upsample

WIDTHS = (4, 6, 8, 10)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(3)
    sides = (32, 16, 8, 4)
    maps = [
        jnp.float32(rng.normal(size=(side, side + side // 4, width)))
        for side, width in zip(sides, WIDTHS, strict=True)
    ]
    base = jnp.float32(rng.random((32, 40, 3)))
    return maps, jnp.float32(rng.normal(size=12)), base


@pytest.fixture(scope="module")
def params(inputs):
    """Every one of them drawn at random: a new decoder ignores the style."""
    made = jax.jit(Decoder(WIDTHS, 5).init)(jax.random.key(0), *inputs)["params"]
    rng = np.random.default_rng(4)
    return jax.tree.map(lambda a: jnp.float32(a + 0.3 * rng.normal(size=a.shape)), made)


def test_blocks_mirror_the_encoders():
    table = layer_table((16, 32, 64, 192))
    assert [len(block) for block in table] == [2, 3, 2, 2]
    assert [block[-1][1] for block in table] == [64, 32, 16, 16]
    assert table[0][0] == ("conv4_1", 192) and table[-1][0] == ("conv1_1", 32)


def test_instance_norm(rng):
    x = rng.normal(size=(5, 6, 3)) * [1, 10, 0.1] + [0, 5, 9]
    expected = (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 1e-5)
    np.testing.assert_allclose(instance_norm(jnp.float32(x)), expected, atol=1e-4)
    assert np.isfinite(instance_norm(jnp.ones((4, 4, 2)))).all()


def test_upsample_is_linear_between_centres(rng):
    x = rng.normal(size=(3, 5, 4, 2)).astype(np.float32)
    rows, columns = ((np.arange(2 * n) + 0.5) / 2 - 0.5 for n in (5, 4))
    expected = np.apply_along_axis(
        lambda line: np.interp(rows, np.arange(5), line), -3, x
    )
    expected = np.apply_along_axis(
        lambda line: np.interp(columns, np.arange(4), line), -2, expected
    )
    np.testing.assert_allclose(upsample(x), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(upsample(x[0]), expected[0], rtol=1e-5, atol=1e-6)


def test_against_pytorch(torch, inputs, params):
    from torch.nn import functional as F

    def tensor(array):
        return torch.from_numpy(np.array(array))

    def dense(x, held):
        return x @ tensor(held["kernel"]) + tensor(held["bias"])

    def convolved(x, held):
        kernel = tensor(held["kernel"]).permute(3, 2, 0, 1)
        return F.conv2d(F.pad(x, (1,) * 4, "reflect"), kernel, tensor(held["bias"]))

    maps, style, base = inputs
    *shallow, x = (tensor(m).permute(2, 0, 1)[None] for m in maps)
    code = torch.relu(dense(tensor(style), params["style"]))
    for block in (4, 3, 2, 1):
        if block < 4:
            parts = [
                F.interpolate(x, scale_factor=2, mode="bilinear"),
                shallow[block - 1],
            ]
            if block == 1:
                parts.append(tensor(base).permute(2, 0, 1)[None] - 0.5)
            x = torch.cat(parts, 1)
        for index in range(1, 4 if block == 3 else 3):
            held = params[f"conv{block}_{index}"]
            x = F.instance_norm(convolved(x, held["conv"]), eps=1e-5)
            scale, shift = dense(code, held["style"]).chunk(2)
            x = torch.relu(x * (1 + scale[:, None, None]) + shift[:, None, None])
    expected = 0.1 * convolved(x, params["picture"])[0].permute(1, 2, 0)
    found = jax.jit(Decoder(WIDTHS, 5).apply)({"params": params}, *inputs)
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=2e-4)


@pytest.mark.slow
def test_flat_features_make_a_flat_picture(params):
    maps = [
        jnp.full((n, n, c), 0.7) for n, c in zip((32, 16, 8, 4), WIDTHS, strict=True)
    ]
    given = {"params": params}, maps, jnp.ones(12), jnp.full((32, 32, 3), 0.4)
    made = Decoder(WIDTHS, 5).apply(*given)
    assert np.ptp(made, axis=(0, 1)).max() < 1e-5  # neither borders nor checkerboard
