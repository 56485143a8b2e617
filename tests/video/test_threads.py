"""Work ahead and behind: in order, bounded, and errors where they belong."""

import threading
import time

import pytest

from jaxnst.video.threads import Ahead, Behind


def test_items_come_in_order_and_only_a_few_ahead():
    made: list[int] = []

    def numbers():
        for number in range(50):
            made.append(number)
            yield number

    ahead, most = Ahead(numbers(), depth=2), 0
    for taken, number in enumerate(ahead, 1):
        assert number == taken - 1
        time.sleep(0.001)
        most = max(most, len(made) - taken)
    assert taken == 50 and most <= 4


def test_an_error_comes_where_the_item_would_have():
    def broken():
        yield 1
        raise OSError("gone")

    ahead = Ahead(broken())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="gone"):
        next(ahead)
    ahead.close()


def test_closed_early_the_thread_closes_what_it_reads():
    closed: list[str] = []

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread().name)

    ahead = Ahead(endless())
    next(ahead)
    ahead.close()
    assert closed == ["ahead"] and list(ahead) == []


def test_all_is_done_behind():
    done: list[int] = []
    behind = Behind(done.append)
    for number in range(20):
        behind.put(number)
    behind.close()
    assert done == list(range(20))
    behind.finish()


def test_an_error_behind_is_raised_and_nothing_is_done_after_it():
    done: list[int] = []

    def work(number):
        if number == 2:
            raise OSError("full")
        done.append(number)

    behind = Behind(work)
    with pytest.raises(OSError, match="full"):
        for number in range(1000):
            behind.put(number)
        behind.close()
    behind.finish()
    assert done == [0, 1]


def test_what_waits_is_done_all_the_same():
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work(number):
        begun.set()
        go_on.wait(5)
        done.append(number)
        if number == 1:
            raise OSError("full")

    behind = Behind(work)
    for number in range(3):
        behind.put(number)
    begun.wait(5)
    threading.Timer(0.05, go_on.set).start()
    behind.finish()
    assert done == [0, 1]
