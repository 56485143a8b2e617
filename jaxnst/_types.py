"""Types of arguments for annotations: what a static checker and a run-time one see.

The tests check annotations at every call. Functions accept NumPy's arrays where they
accept JAX's, and some check their arguments themselves.
"""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

if TYPE_CHECKING:
    AnyArray = jax.Array
    UncheckedImage = jax.Array
    UncheckedNumber = float
else:
    # Statically JAX's alone, as results of operations on it would otherwise be both.
    AnyArray = jax.Array | np.ndarray
    # Whoever gives something else meets the library's own error, which says how to
    # mend it.
    UncheckedImage = Any
    UncheckedNumber = Any
