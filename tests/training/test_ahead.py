"""Batches made ahead: the same ones, in time, and errors where they are asked for."""

import threading

import pytest

from jaxnst.training.ahead import Ahead


def test_the_same_as_without():
    ahead = Ahead(lambda number: number**2, workers=3)
    numbers = [0, 1, 2, 3, 7, 8, 2, 3]  # in order, ahead, back
    assert [ahead(n) for n in numbers] == [n**2 for n in numbers]


def test_the_next_ones_are_made_meanwhile():
    made = {n: threading.Event() for n in range(9)}

    def make(number):
        made[number].set()
        return number

    ahead = Ahead(make, workers=2)
    assert ahead(0) == 0
    assert all(made[n].wait(10) for n in (1, 2, 3))
    assert not made[4].is_set()  # no more than twice as many as workers


def test_an_error_is_raised_where_its_number_is_asked_for():
    def make(number):
        if number == 2:
            raise ValueError("damaged")
        return number

    ahead = Ahead(make, workers=1)
    assert [ahead(0), ahead(1)] == [0, 1]
    with pytest.raises(ValueError, match="damaged"):
        ahead(2)
    assert ahead(3) == 3
