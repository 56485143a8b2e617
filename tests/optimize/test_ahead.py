"""The next level is made ready while one runs: the same picture, nothing twice."""

import threading
from collections import Counter

import jax
import numpy as np
import pytest
from jax import monitoring
from networks import narrow_network, picture

from jaxnst import Config, stylize_pyramid
from jaxnst.optimize import ahead
from jaxnst.optimize.optimizers import adam, as_factory
from jaxnst.optimize.options import RunOptions

NETWORK = narrow_network(width=4, depth=1)
CONFIG = Config(content_layers=("relu1_1",), style_layers=("relu1_1",))
LOOP, TARGETS = "jit(run_steps)", "jit(_style_targets)"


class Compiled:
    """What was compiled while it listened, and in which threads."""

    def __init__(self):
        self.programs, self.threads = Counter(), Counter()
        self.reached = threading.Event()
        self.wanted = None  # so many loops

    def __call__(self, event, duration_secs, fun_name="", **_):
        if event == "/jax/core/compile/backend_compile_duration":
            self.programs[fun_name] += 1
            self.threads[fun_name, threading.current_thread().name] += 1
            if self.programs[LOOP] == self.wanted:
                self.reached.set()


@pytest.fixture
def compiled():
    told = Compiled()
    monitoring.register_event_duration_secs_listener(told)
    yield told
    monitoring.unregister_event_duration_listener(told)


@pytest.fixture
def cores(monkeypatch):
    """Sets how many cores there seem to be."""

    def of(count):
        monkeypatch.setattr(ahead, "_cores", lambda: count)

    return of


def run(size, levels=(0.5, 1.0), **options):
    """A short run at a size that no other test has, so that it is compiled anew."""
    return stylize_pyramid(
        NETWORK,
        picture(size, size + 1),
        picture(size + 2, size, 1),
        levels=levels,
        steps=(2,) * len(levels),
        config=CONFIG,
        margin=2,
        ema=0.9,
        **options,
    )


def assert_same(one, other):
    np.testing.assert_array_equal(one.image, other.image)
    for name, values in one.trace.items():
        np.testing.assert_array_equal(values, other.trace[name])


def test_each_level_is_compiled_once_and_gives_the_same(compiled, cores):
    cores(2)
    first = run(22, (0.5, 0.75, 1.0))
    assert compiled.programs[LOOP] == compiled.programs[TARGETS] == 3
    assert compiled.threads[LOOP, "ahead"] == 3
    assert compiled.threads[TARGETS, "ahead"] == 2  # the first has nothing before it
    assert compiled.programs.total() < 120
    cores(1)
    assert_same(first, run(22, (0.5, 0.75, 1.0)))
    assert compiled.programs[LOOP] == compiled.programs[TARGETS] == 3


def test_the_next_level_is_compiled_before_this_one_ends(compiled, cores):
    cores(2)
    compiled.wanted = 2
    in_time = []

    def wait(progress):
        if progress.step <= 2:  # of the first level, whose loop is compiled
            in_time.append(compiled.reached.wait(timeout=60))

    run(26, callback=wait)
    assert in_time and all(in_time)


def test_with_one_core_all_is_done_in_turn(compiled, cores):
    cores(1)
    run(30, (1.0,))
    assert {thread for _, thread in compiled.threads} == {"MainThread"}


def test_a_level_that_could_not_be_made_ready_is_made_when_it_comes(cores, monkeypatch):
    cores(1)
    wanted = run(22)
    cores(2)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(ahead.Ahead, "_look_ahead", fail)
    monkeypatch.setattr(ahead.Ahead, "_compile_loop", fail)
    assert_same(wanted, run(22))


def test_what_belongs_to_a_thread_is_not_computed_in_another():
    image = picture(12, 12)
    schedule = RunOptions(levels=(0.5, 1.0), steps=1).schedule
    arguments = NETWORK, schedule, image, [image], CONFIG, None, as_factory(adam())
    with jax.default_matmul_precision("highest"):
        made = ahead.Ahead(*arguments, averaging=False)
        assert ahead._start(made._look_ahead, 1.0, {}).result(timeout=60) is None


def test_scarce_memory_is_left_to_the_level_that_runs(cores, monkeypatch):
    cores(1)
    wanted = run(22)
    cores(2)

    def tiled(network, config, *_, **__):
        return Config(CONFIG.content_layers, CONFIG.style_layers, tile=16)

    monkeypatch.setattr(ahead, "with_tiles_if_needed", tiled)
    assert_same(wanted, run(22))


def test_targets_of_ones_own_are_asked_for_in_turn(cores, monkeypatch):
    """They may keep what levels share, and need not be safe in several threads."""
    cores(2)
    threads = []

    def make_targets(*arguments, **keywords):
        threads.append(threading.current_thread())
        return ahead.compute_targets(*arguments, **keywords)

    run(22, make_targets=make_targets)
    assert threads == [threading.main_thread()] * 2


def test_where_it_is_worthwhile(cores):
    image = picture(8, 8)
    cores(2)
    assert ahead.is_worthwhile(image, image)
    bound = jax.device_put(image, jax.devices()[1])
    assert not ahead.is_worthwhile(image, bound)
    with jax.disable_jit():
        assert not ahead.is_worthwhile(image)
    cores(1)
    assert not ahead.is_worthwhile(image)


def test_a_thread_that_is_done_is_not_waited_for_at_exit(cores):
    assert ahead._start(lambda: 3).result(timeout=60) == 3
    assert ahead._start(lambda: 1 / 0).result(timeout=60) is None
    ahead._wait_at_exit()
    assert not ahead._threads
