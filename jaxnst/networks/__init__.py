"""Feature networks as Flax modules, and the layers they are made of."""

from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network
from jaxnst.networks.vgg import VGG

__all__ = ["VGG", "GoogLeNet", "Network"]
