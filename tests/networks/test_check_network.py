"""What is no network is named at every public function."""

import inspect

import numpy as np
import pytest
from networks import narrow_network, picture

import jaxnst
from jaxnst import Config, Settings, Weights, metrics
from jaxnst.networks.network import check_network

IMAGE = picture(8, 8)


def raw(function):
    """Without the check of array types, which the tests alone have."""
    return inspect.unwrap(function)


CALLS = {
    "stylize": lambda n: jaxnst.stylize(n, IMAGE, IMAGE),
    "stylize_pyramid": lambda n: jaxnst.stylize_pyramid(n, IMAGE, IMAGE),
    "grid_search": lambda n: jaxnst.grid_search(n, IMAGE, IMAGE, betas=[1, 2]),
    "stylize_batch": lambda n: jaxnst.stylize_batch(n, [IMAGE], [IMAGE]),
    "render": lambda n: jaxnst.render(Settings(), n, IMAGE, [IMAGE]),
    "render_grid": lambda n: jaxnst.render_grid(
        Settings(), n, IMAGE, [IMAGE], alphas=[1], betas=[1]
    ),
    "render_batch": lambda n: jaxnst.render_batch(Settings(), n, [IMAGE], [IMAGE]),
    "make_targets": lambda n: raw(jaxnst.make_targets)(n, IMAGE, IMAGE, Config()),
    "objective": lambda n: raw(jaxnst.objective)(IMAGE, n, None, Weights(), Config()),
    "split_rows": lambda n: jaxnst.split_rows(n, IMAGE),
    "style_distance": lambda n: raw(metrics.style_distance)(n, IMAGE, IMAGE, IMAGE),
    "content_distance": lambda n: raw(metrics.content_distance)(n, IMAGE, IMAGE),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("vgg19-lite", r"got str; load one with jaxnst.load_network\('vgg19-lite'\)"),
        (np.zeros(3), r"got ndarray; load one with jaxnst.load_network\(\)"),
        (None, "got NoneType"),
    ],
)
def test_names_and_pictures_are_no_networks(name, network, said):
    with pytest.raises(TypeError, match=f"network must be a Network, {said}"):
        CALLS[name](network)


def test_networks_are():
    network = narrow_network(depth=1)
    assert check_network(network) is network
