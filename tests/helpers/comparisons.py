"""Comparisons that tests of several files make."""

import jax
import jax.numpy as jnp
import numpy as np


def close(one, other, rtol=1e-5):
    """Assert that the leaves of two pytrees are equal within a share of their size."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        scale = float(jnp.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)
