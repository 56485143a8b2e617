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
        self.programs, self.threads, self.order = Counter(), Counter(), []
        self.reached = threading.Event()

    def __call__(self, event, duration_secs, fun_name="", **_):
        if event == "/jax/core/compile/backend_compile_duration":
            self.programs[fun_name] += 1
            self.order.append(fun_name)
            self.threads[fun_name, threading.current_thread().name] += 1
            if self.programs[LOOP] == 2:
                self.reached.set()


@pytest.fixture
def cores(monkeypatch):
    """Sets how many cores there seem to be."""

    def of(count):
        monkeypatch.setattr(ahead, "_cores", lambda: count)

    return of


def run(**options):
    """A short run of two levels."""
    return stylize_pyramid(
        NETWORK,
        picture(22, 23),
        picture(24, 22, 1),
        levels=(0.5, 1.0),
        steps=(2, 2),
        config=CONFIG,
        margin=2,
        ema=0.9,
        **options,
    )


def assert_same(one, other):
    np.testing.assert_array_equal(one.image, other.image)
    for name, values in one.trace.items():
        np.testing.assert_array_equal(values, other.trace[name])


@pytest.fixture(scope="module")
def first():
    """The first run, on two cores: its result, what was compiled, and whether the
    second level's loop was before the first one ended."""
    compiled, in_time = Compiled(), []

    def wait(progress):
        if progress.step <= 2:  # of the first level, whose loop is compiled
            in_time.append(compiled.reached.wait(timeout=60))

    monitoring.register_event_duration_secs_listener(compiled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ahead, "_cores", lambda: 2)
        result = run(callback=wait)
    compiled.in_all = compiled.programs.total()
    yield result, compiled, in_time
    monitoring.unregister_event_duration_listener(compiled)


def test_a_level_is_compiled_once_and_before_the_one_before_it_ends(first, cores):
    result, compiled, in_time = first
    assert in_time and all(in_time)
    assert compiled.programs[LOOP] == compiled.programs[TARGETS] == 2
    assert compiled.threads[LOOP, "ahead"] == 2
    assert compiled.threads[TARGETS, "ahead"] == 1  # the first has nothing before it
    cores(1)
    assert_same(result, run())
    assert compiled.programs[LOOP] == compiled.programs[TARGETS] == 2


def test_what_the_first_picture_waits_for_is_compiled_alone(first):
    order = [name for name in first[1].order if name in (LOOP, TARGETS)]
    assert order[:2] in ([LOOP, TARGETS], [TARGETS, LOOP])


def test_few_programs_are_compiled_in_all(first):
    assert first[1].in_all < 50


def test_with_one_core_all_is_done_in_turn(first, cores, monkeypatch):
    cores(1)
    monkeypatch.setattr(ahead, "_start", None)
    assert run().steps == 4


def test_a_level_that_could_not_be_made_ready_is_made_when_it_comes(
    first, cores, monkeypatch
):
    cores(2)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(ahead.Ahead, "_look_ahead", fail)
    monkeypatch.setattr(ahead.Ahead, "_compile_loop", fail)
    assert_same(first[0], run())


def test_what_belongs_to_a_thread_is_not_computed_in_another():
    with jax.default_matmul_precision("highest"):
        look_ahead = made()._look_ahead
    assert look_ahead(1.0, {}) is None


def test_scarce_memory_is_left_to_the_level_that_runs(first, cores, monkeypatch):
    cores(2)

    def tiled(network, config, *_, **__):
        return Config(CONFIG.content_layers, CONFIG.style_layers, tile=16)

    monkeypatch.setattr(ahead, "with_tiles_if_needed", tiled)
    assert_same(first[0], run())


def test_targets_of_ones_own_are_asked_for_in_turn(first, cores, monkeypatch):
    """They may keep what levels share, and need not be safe in several threads."""
    cores(2)
    threads = []

    def make_targets(*arguments, **keywords):
        threads.append(threading.current_thread())
        return ahead.compute_targets(*arguments, **keywords)

    run(make_targets=make_targets)
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


def made():
    """For a run of two levels on small pictures."""
    image = picture(12, 12)
    schedule = RunOptions(levels=(0.5, 1.0), steps=1).schedule
    arguments = NETWORK, schedule, image, [image], CONFIG, None, as_factory(adam())
    return ahead.Ahead(*arguments, averaging=False)


def test_targets_that_are_of_one_level_are_made_in_turn(monkeypatch):
    """A keyword that the next level might have otherwise is not handed on to it."""
    monkeypatch.setattr(ahead, "compute_targets", lambda *_, **keywords: keywords)
    monkeypatch.setattr(ahead, "_start", None)
    image = picture(12, 12)
    told = made().targets(1.0)(NETWORK, image, [image], CONFIG, regions="of a level")
    assert told == {"regions": "of a level"}


def test_what_another_thread_makes_is_waited_for_at_exit(monkeypatch):
    assert ahead._start(lambda: 3).result(timeout=60) == 3
    assert ahead._start(lambda: 1 / 0).result(timeout=60) is None
    go, done = threading.Event(), []
    future = ahead._start(lambda: (go.wait(60), done.append(1)))
    threading.Timer(0.05, go.set).start()
    ahead._wait_at_exit()
    assert done and future.done()

    def fail(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    assert ahead._start(lambda: 3).result(timeout=60) is None
    ahead._wait_at_exit()
