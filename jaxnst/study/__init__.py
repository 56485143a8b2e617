"""A study: networks, starts, layers and weights compared on a pair of pictures."""
