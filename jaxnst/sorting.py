"""Sorting rows of numbers as integers, which on a CPU takes a sixth of the time.

XLA sorts integers by their values and everything else by a compiled comparison. The
bits of a float32 are in the order of what they mean once those of negative numbers are
turned round; a permutation comes of sorting parts of the bits beside the positions,
the lowest first (a radix sort).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, UInt

_BITS = 32


@jax.custom_vjp
def sort_rows(values: Float[Array, "c n"]) -> Float[Array, "c n"]:
    """Each row in ascending order, as `jnp.sort`. Its derivatives are of reverse mode.

    Args:
        values: (c, n), float32.
    """
    return _float(jnp.sort(_ordered(values), -1))


def _sort_forward(
    values: Float[Array, "c n"],
) -> tuple[Float[Array, "c n"], Float[Array, "c n"]]:
    return sort_rows(values), values


def _sort_backward(
    values: Float[Array, "c n"], slope: Float[Array, "c n"]
) -> tuple[Float[Array, "c n"]]:
    return (jnp.take_along_axis(slope, ranks(values), -1),)


sort_rows.defvjp(_sort_forward, _sort_backward)


def order(values: Float[Array, "c n"]) -> Int[Array, "c n"]:
    """Where in its row each value of the sorted row is, as `jnp.argsort`: equal values
    stay in turn.

    Args:
        values: (c, n), float32.
    """
    count = values.shape[-1]
    place_bits = max(count - 1, 1).bit_length()
    places = lax.broadcasted_iota(jnp.uint32, values.shape, 1)
    bits = _ordered(values)
    found = places.astype(jnp.int32)
    width = _BITS - place_bits
    for lowest in range(0, _BITS, width):
        digits = jnp.take_along_axis(bits, found, -1) if lowest else bits
        digits = digits >> jnp.uint32(lowest)  # what is beyond `width` falls off
        pairs = jnp.sort((digits << jnp.uint32(place_bits)) | places, -1)
        step = pairs & jnp.uint32((1 << place_bits) - 1)
        found = jnp.take_along_axis(found, step.astype(jnp.int32), -1)
    return found


def ranks(values: Float[Array, "c n"]) -> Int[Array, "c n"]:
    """Where in the sorted row each value is: the inverse of `order`.

    Args:
        values: (c, n), float32.
    """
    places = lax.broadcasted_iota(jnp.int32, values.shape, 1)
    put = partial(jnp.put_along_axis, axis=-1, inplace=False)
    return put(jnp.zeros_like(places), order(values), places)


def _ordered(values: Float[Array, "c n"]) -> UInt[Array, "c n"]:
    """Numbers without sign in the order of the floats."""
    bits = lax.bitcast_convert_type(values, jnp.uint32)
    sign = jnp.uint32(1 << (_BITS - 1))
    return jnp.where(bits & sign != 0, ~bits, bits | sign)


def _float(ordered: UInt[Array, "c n"]) -> Float[Array, "c n"]:
    """The floats of `_ordered`."""
    sign = jnp.uint32(1 << (_BITS - 1))
    bits = jnp.where(ordered & sign != 0, ordered & ~sign, ~ordered)
    return lax.bitcast_convert_type(bits, jnp.float32)
