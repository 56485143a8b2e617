"""Many pictures or settings in one compiled call, over all devices."""

from jaxnst.parallel.batch import stylize_batch
from jaxnst.parallel.grid import best_start, grid_search
from jaxnst.parallel.sharding import split_rows

__all__ = ["best_start", "grid_search", "split_rows", "stylize_batch"]
