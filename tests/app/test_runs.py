"""Computations in threads: news, ends, stops, errors, one at a time."""

import threading

import numpy as np
import pytest

from jaxnst.app.runs import Pace, Run, device, watch
from jaxnst.optimize.result import Progress


def progress(step=1, steps=4, seconds=1.0, image=0.5):
    return Progress(
        step,
        steps,
        {"loss": 2.0, "style": 1.0},
        seconds,
        lambda: np.full((2, 3, 3), image),
        lambda: None,
    )


def test_news_come_as_they_are_and_the_result_at_the_end():
    run = Run()
    told, go = threading.Event(), threading.Event()

    def work(run):
        assert go.wait(10)
        run.report(step=1, steps=2)
        told.wait(10)
        return "done"

    run.start(work)
    steps = []
    for update in run.updates(0.01):
        steps.append(update.step)
        go.set()
        if update.step == 1:
            told.set()
    assert steps[0] == 0 and steps[-1] == 1 and steps == sorted(steps)
    assert run.result() == "done" and not run.stopped()


def test_what_the_work_raises_comes_to_who_asks():
    run = Run()

    def work(run):
        raise ValueError("no picture")

    run.start(work)
    assert len(list(run.updates())) <= 1
    with pytest.raises(ValueError, match="no picture"):
        run.result()
    with device(wait=0) as free:
        assert free  # the device was given back


def test_who_leaves_off_stops_the_run():
    run = Run()
    ended = threading.Event()

    def work(run):
        while not run.stopped():
            ended.wait(0.01)
        return "stopped"

    run.start(work)
    news = run.updates(0.01)
    next(news)
    news.close()
    assert run.result() == "stopped"


def test_one_computation_at_a_time():
    first, second = Run(), Run()
    begun, go, order = threading.Event(), threading.Event(), []

    def work(run):
        order.append("first")
        begun.set()
        go.wait(10)

    first.start(work)
    assert begun.wait(10)
    second.start(lambda run: order.append("second"))
    with device(wait=0) as free:
        assert not free
    assert order == ["first"]
    go.set()
    first.result(), second.result()
    assert order == ["first", "second"]


def test_a_callback_reports_and_ends_when_it_is_told():
    run = Run()
    callback = watch(run, every=1.0)
    assert callback(progress(seconds=1.0)) is False
    assert run._update.step == 1 and run._update.image[0, 0, 0] == 0.5
    callback(progress(2, seconds=1.5, image=0.75))
    assert run._update.image[0, 0, 0] == 0.5  # one a second is enough
    callback(progress(3, seconds=2.1, image=0.75))
    assert run._update.image[0, 0, 0] == 0.75
    assert run._update.left == pytest.approx(0.55)
    run.stop()
    assert callback(progress()) is True


def test_pictures_of_a_grid_are_not_asked_for():
    run = Run()
    watch(run, pictures=False)(progress())
    assert run._update.image is None and run._update.terms["loss"] == 2.0


def test_time_left_counts_pixels():
    """After the first call, which compiles; a step at half the size costs a quarter."""
    pace = Pace((0.5, 1.0), (40, 40))
    assert pace.work(40) == 10 and pace.work(80) == 50
    assert pace.left(0, 80, 5.0) is None
    assert pace.left(0, 80, 6.0) is None  # nothing was done since
    assert pace.left(40, 80, 15.0) == pytest.approx(40.0)
    assert pace.left(80, 80, 55.0) == 0
    assert Pace((), ()).work(3) == 3
