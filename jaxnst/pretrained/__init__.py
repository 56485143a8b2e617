"""Pretrained networks: their weights located, downloaded, verified, converted, read."""

from jaxnst.pretrained.convert import convert_file
from jaxnst.pretrained.format import NetworkWeights, read_weights, write_weights
from jaxnst.pretrained.hdf5 import WeightsError
from jaxnst.pretrained.loading import load_network, network_from_weights
from jaxnst.pretrained.sources import find_weights

__all__ = [
    "NetworkWeights",
    "WeightsError",
    "convert_file",
    "find_weights",
    "load_network",
    "network_from_weights",
    "read_weights",
    "write_weights",
]
