"""`QuickJit`: when a program is compiled with options, and when not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import Config, _quick_jit, stylize, stylize_batch
from jaxnst._quick_jit import OPTIONS, QuickJit, quick_jit
from jaxnst.losses import targets
from jaxnst.optimize.loop import current_image, run_steps, run_steps_of_one

CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


@pytest.fixture
def gpu(monkeypatch):
    """A machine that has a GPU, as far as `QuickJit` can see, which compiles as for
    one."""
    monkeypatch.setattr(_quick_jit, "_platform", lambda: "gpu")


@pytest.fixture
def asked(monkeypatch):
    """What `jax.jit` is asked for, call by call."""
    calls, jit = [], jax.jit

    def recording(*args, **kwargs):
        calls.append(kwargs)
        return jit(*args, **kwargs)

    monkeypatch.setattr(jax, "jit", recording)
    return calls


def power(base, exponent):
    return base**exponent


@pytest.mark.parametrize("platform", OPTIONS)
def test_xla_knows_an_option(platform):
    assert _quick_jit.options(platform).items() <= OPTIONS[platform].items()
    assert _quick_jit.options(platform)


@pytest.mark.parametrize("more", [{}, {"xla_backend_optimization_level": 0}])
def test_options_that_xla_does_not_know_are_left(gpu, asked, monkeypatch, more):
    """And those that it knows are not left with them."""
    monkeypatch.setitem(OPTIONS, "gpu", {"xla_gpu_enable_magic": True} | more)
    _quick_jit.options.cache_clear()
    try:
        assert _quick_jit.options("gpu") == more
        asked.clear()
        cube = quick_jit(static_argnums=1)(power)
        assert cube(2.0, 3) == 8
        assert asked[-1].get("compiler_options", {}) == more
    finally:
        _quick_jit.options.cache_clear()


@pytest.mark.parametrize("platform", OPTIONS)
def test_it_is_compiled_with_the_platforms_options(platform, asked, monkeypatch):
    monkeypatch.setattr(_quick_jit, "_platform", lambda: platform)
    quick = quick_jit(static_argnums=1)(power)
    assert quick(2.0, 3) == 8
    assert quick.lower(2.0, 3).compile()(2.0) == 8
    found = _quick_jit.options(platform)
    assert asked[-1] == {"static_argnums": 1, "compiler_options": found}


@pytest.mark.parametrize("platform, plain", [("cpu", True), ("gpu", False)])
def test_elsewhere_it_is_the_plain_one(platform, plain, asked, monkeypatch):
    monkeypatch.setattr(_quick_jit, "_platform", lambda: platform)
    sine = QuickJit(jax.jit(jnp.sin), platforms=("gpu",))
    assert sine(0.0) == 0
    assert plain == ("compiler_options" not in asked[-1])
    monkeypatch.setattr(_quick_jit, "_platform", lambda: "tpu")
    assert quick_jit()(jnp.cos)(0.0) == 1
    assert "compiler_options" not in asked[-1]


def test_what_runs_once_a_level_compiles_sooner_and_the_loop_does_not():
    """On a CPU the loop's steps would take longer than was saved."""
    network = narrow_network(depth=3)
    before = run_steps._cache_size()
    stylize(network, picture(20, 28), picture(18, 26, 1), config=CONFIG, steps=1)
    once = targets._content_features, targets._style_targets, current_image
    assert all(program.quick._cache_size() > 0 for program in once)
    assert run_steps._cache_size() == before + 1


@pytest.mark.parametrize("transformation", [jax.jit, jax.grad, jax.vmap])
def test_within_a_program_it_is_the_plain_one(gpu, transformation):
    quick = QuickJit(jax.jit(jnp.sin))
    given = jnp.ones((2,) if transformation is jax.vmap else ())
    made = transformation(lambda x: 2 * quick(x))(given)
    wanted = 2 * (np.cos(1) if transformation is jax.grad else np.sin(1))
    np.testing.assert_allclose(made, np.full(given.shape, wanted), rtol=1e-6)


def test_one_picture_is_quick_and_many_are_not(gpu):
    network = narrow_network(depth=3)
    content, style = picture(24, 20), picture(18, 26, 1)
    paint = partial(stylize, network, content, style, config=CONFIG, steps=3)
    before = run_steps._cache_size()
    image = paint().image
    assert run_steps._cache_size() == before
    assert run_steps_of_one.quick._cache_size() > 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_quick_jit, "_platform", lambda: "cpu")
        np.testing.assert_array_equal(paint().image, image)
    assert run_steps._cache_size() == before + 1
    contents, styles = jnp.stack([content] * 2), jnp.stack([style] * 2)
    quick = run_steps_of_one.quick._cache_size()
    stylize_batch(network, contents, styles, config=CONFIG, steps=3, vectorize=True)
    assert run_steps_of_one.quick._cache_size() == quick
