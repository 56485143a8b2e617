"""`QuickJit`: when a program is compiled with options for a GPU, and when not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import Config, _quick_jit, stylize, stylize_batch
from jaxnst._quick_jit import OPTIONS, QuickJit, quick_jit
from jaxnst.optimize.loop import run_steps, run_steps_of_one

CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


@pytest.fixture
def gpu(monkeypatch):
    """A machine that has a GPU, as far as `QuickJit` can see."""
    monkeypatch.setattr(_quick_jit, "_on_gpu", lambda: True)


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


def test_xla_knows_the_options():
    assert _quick_jit.known()


def test_options_that_xla_does_not_know_are_left(gpu, asked, monkeypatch):
    monkeypatch.setitem(OPTIONS, "xla_gpu_enable_magic", True)
    _quick_jit.known.cache_clear()
    try:
        assert not _quick_jit.known()
        asked.clear()
        cube = quick_jit(static_argnums=1)(power)
        assert cube(2.0, 3) == 8
        assert asked == [{"static_argnums": 1}]
    finally:
        _quick_jit.known.cache_clear()


def test_on_a_cpu_it_is_the_plain_one(asked):
    assert quick_jit(static_argnums=1)(power)(2.0, 3) == 8
    assert asked == [{"static_argnums": 1}]


def test_on_a_gpu_it_is_compiled_with_the_options(gpu, asked):
    quick = quick_jit(static_argnums=1)(power)
    assert quick(2.0, 3) == 8
    assert quick.lower(2.0, 3).compile()(2.0) == 8
    assert asked[-1] == {"static_argnums": 1, "compiler_options": OPTIONS}


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
        patch.setattr(_quick_jit, "_on_gpu", lambda: False)
        np.testing.assert_array_equal(paint().image, image)
    assert run_steps._cache_size() == before + 1
    contents, styles = jnp.stack([content] * 2), jnp.stack([style] * 2)
    quick = run_steps_of_one.quick._cache_size()
    stylize_batch(network, contents, styles, config=CONFIG, steps=3, vectorize=True)
    assert run_steps_of_one.quick._cache_size() == quick
