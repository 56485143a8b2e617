"""`QuickJit`: when a program is compiled with options, and when not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import narrow_network, picture

from jaxnst import Config, _quick_jit, stylize, stylize_batch
from jaxnst._quick_jit import LOOP, RUN_ONCE, QuickJit, quick_jit, taken
from jaxnst.losses import targets
from jaxnst.optimize.loop import current_image, run_steps, run_steps_of_one

CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """By XLA_FLAGS about the options, which the quick tests have there."""
    monkeypatch.setenv("XLA_FLAGS", "")


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


@pytest.mark.parametrize("options", [RUN_ONCE, LOOP])
@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_xla_knows_an_option(options, platform):
    assert taken(options[platform])
    assert taken(options[platform]).items() <= options[platform].items()


@pytest.mark.parametrize("more", [{}, {"xla_backend_optimization_level": 0}])
def test_options_that_xla_does_not_know_are_left(asked, more):
    """And those that it knows are not left with them."""
    here = jax.default_backend()
    options = {here: {"xla_enable_magic": True} | more}
    cube = QuickJit(jax.jit(power, static_argnums=1), options, static_argnums=1)
    assert cube(2.0, 3) == 8
    made = [call for call in asked if "static_argnums" in call]
    assert made[-1].get("compiler_options", {}) == more


def test_what_the_user_says_holds(monkeypatch):
    level, emitters = LOOP["cpu"]
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to=x --{level}=1")
    assert taken(LOOP["cpu"]).keys() <= {emitters}
    monkeypatch.setenv("XLA_FLAGS", f"--{level}=1 --{emitters}=true")
    assert taken(LOOP["cpu"]) == {}
    monkeypatch.setenv("XLA_FLAGS", "")
    assert level in taken(LOOP["cpu"])
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        assert taken(LOOP["cpu"]) == {}
    finally:
        jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_it_is_compiled_with_the_platforms_options(platform, asked, monkeypatch):
    monkeypatch.setattr(_quick_jit, "_platform", lambda: platform)
    quick = quick_jit(static_argnums=1)(power)
    assert quick(2.0, 3) == 8
    assert quick.lower(2.0, 3).compile()(2.0) == 8
    assert asked[-1] == {
        "static_argnums": 1,
        "compiler_options": taken(RUN_ONCE[platform]),
    }


def test_elsewhere_it_is_the_plain_one(asked, monkeypatch):
    monkeypatch.setattr(_quick_jit, "_platform", lambda: "tpu")
    assert quick_jit()(jnp.cos)(0.0) == 1
    assert "compiler_options" not in asked[-1]


def test_a_pictures_programs_compile_sooner():
    """What runs once a level, and the loop, whose steps are optimised further."""
    network = narrow_network(depth=3)
    before = run_steps._cache_size()
    stylize(network, picture(20, 28), picture(18, 26, 1), config=CONFIG, steps=1)
    once = targets._content_features, targets._style_targets, current_image
    assert all(program.quick._cache_size() > 0 for program in once)
    assert run_steps_of_one.quick._cache_size() > 0
    assert run_steps._cache_size() == before
    level = "xla_backend_optimization_level"
    assert RUN_ONCE["cpu"][level] == 0 and LOOP["cpu"][level] == 2
    assert all(program._options is RUN_ONCE for program in once)
    assert run_steps_of_one._options is LOOP


@pytest.mark.parametrize("transformation", [jax.jit, jax.grad, jax.vmap])
def test_within_a_program_it_is_the_plain_one(gpu, transformation):
    quick = QuickJit(jax.jit(jnp.sin))
    given = jnp.ones((2,) if transformation is jax.vmap else ())
    made = transformation(lambda x: 2 * quick(x))(given)
    wanted = 2 * (np.cos(1) if transformation is jax.grad else np.sin(1))
    np.testing.assert_allclose(made, np.full(given.shape, wanted), rtol=1e-6)


def test_one_picture_is_quick_and_many_are_not():
    network = narrow_network(depth=3)
    # Of a size that no other test has: what they compiled is still there.
    content, style = picture(23, 29), picture(18, 26, 1)
    how = {"config": CONFIG, "steps": 3}
    # Of a gradient that is all rounding Adam's default would make a whole step.
    steady = optax.adam(0.02, eps=1e-5)
    paint = partial(stylize, network, content, style, **how, optimizer=steady)
    before = run_steps._cache_size()
    image = paint().image
    assert run_steps._cache_size() == before
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_quick_jit, "_platform", lambda: "tpu")
        np.testing.assert_allclose(paint().image, image, atol=1e-4)
    assert run_steps._cache_size() == before + 1
    contents, styles = jnp.stack([content] * 2), jnp.stack([style] * 2)
    quick = run_steps_of_one.quick._cache_size()
    stylize_batch(network, contents, styles, **how, vectorize=True)
    assert run_steps_of_one.quick._cache_size() == quick
