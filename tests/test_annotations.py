"""Annotated shapes are checked in the tests: a wrong one is an error at the call."""

import ast
import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

import jaxnst
from jaxnst import gaussian, gram_matrix, linalg, style_loss, total_variation
from jaxnst.feedforward import decoder
from jaxnst.losses import content_loss
from jaxnst.networks import conv, packed_conv, pooling, winograd

IMAGE = jnp.zeros((4, 5, 3))
KERNEL = jnp.zeros((3, 3, 3, 2))

WRONG = {
    "a Gram matrix of one axis": lambda: gram_matrix(jnp.zeros(3)),
    "of whole numbers": lambda: gram_matrix(jnp.zeros((4, 5, 3), jnp.int32)),
    "Gram matrices of two networks": lambda: style_loss(jnp.eye(3), jnp.eye(2)),
    "a Gram matrix that is not square": lambda: style_loss(IMAGE[0], IMAGE[0]),
    "contents of two sizes": lambda: content_loss(IMAGE, IMAGE[:2]),
    "an image of four channels": lambda: total_variation(jnp.zeros((4, 5, 4))),
    "a batch without vmap": lambda: gaussian.gaussian(IMAGE[None]),
    "a root of a matrix that is not square": lambda: linalg.sqrtm(jnp.zeros((3, 2))),
    "other channels than the kernel's": lambda: conv.conv2d(
        IMAGE[..., :2], KERNEL, jnp.zeros(2), padding="zeros"
    ),
    "a bias of another length": lambda: conv.conv2d(
        IMAGE, KERNEL, jnp.zeros(3), padding="zeros"
    ),
    "a kernel of five pixels": lambda: winograd.transformed(jnp.zeros((5, 5, 3, 2))),
    "a map without channels": lambda: pooling.pool2d(IMAGE[0], kind="max"),
    "a list": lambda: pooling.pool2d(IMAGE.tolist(), kind="max"),
    "no map": lambda: decoder.upsample(IMAGE[0]),
    "packed kernels of another depth": lambda: packed_conv.correlate(
        IMAGE[None], packed_conv.transformed(jnp.zeros((3, 3, 2, 4))).forward, 1
    ),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_shape_is_an_error(call):
    with pytest.raises(TypeCheckError):
        call()


def test_shapes_are_checked_within_compiled_and_lifted_code():
    lifted = jax.jit(jax.vmap(style_loss))
    np.testing.assert_array_equal(lifted(jnp.ones((2, 3, 3)), jnp.ones((2, 3, 3))), 0)
    with pytest.raises(TypeCheckError):
        lifted(jnp.ones((2, 3, 3)), jnp.ones((2, 2, 2)))


def test_a_wrong_result_is_an_error(monkeypatch):
    functional = importlib.import_module("jaxnst.losses.functional")
    monkeypatch.setattr(functional, "products", lambda flat: flat)
    with pytest.raises(TypeCheckError, match="return value"):
        gram_matrix(IMAGE)


def test_every_annotated_module_is_checked(request):
    """One that imports jaxtyping is in the list of conftest.py, or says why not."""
    root = Path(jaxnst.__file__).parent
    annotated = {
        ".".join(("jaxnst", *path.relative_to(root).with_suffix("").parts))
        for path in root.rglob("*.py")
        if any(
            isinstance(node, ast.ImportFrom) and node.module == "jaxtyping"
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    # Their dataclasses are pytrees, which JAX builds with other things than arrays.
    unchecked = {"jaxnst.feedforward.model", "jaxnst.networks.network"}
    conftest = request.config.pluginmanager.get_plugin(
        str(Path(__file__).with_name("conftest.py"))
    )
    assert annotated - unchecked == set(conftest.TYPE_CHECKED)
