"""Comparisons that tests of several files make."""

import jax
import jax.numpy as jnp
import numpy as np


def close(one, other, rtol=1e-5):
    """Assert that the leaves of two pytrees are equal within a share of their size."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        scale = float(jnp.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)


def same_picture(found, wanted):
    """Assert that pictures of one optimisation by two compiled programs are the same.

    They sum in another order, and where a gradient is next to 0 Adam makes whole steps
    of what is rounding: one pixel in a hundred may be a little off.
    """
    found, wanted = np.asarray(found), np.asarray(wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=5e-3)
    assert np.quantile(np.abs(found - wanted), 0.99) < 1e-4


def same_traces(found, wanted):
    """Assert that losses by two compiled programs are the same: {name: (steps,)}."""
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        # What is 0 in one is rounding in the other.
        np.testing.assert_allclose(
            found[name], values, rtol=1e-3, atol=1e-9, err_msg=name
        )
