"""Checks at the boundary: what passes, and what errors say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnst._checks import check_choice, check_image, check_images, check_number

GOOD = np.full((4, 5, 3), 0.5)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, jnp.bfloat16])
def test_pictures_become_float32(kind):
    checked = check_image(GOOD.astype(kind))
    assert isinstance(checked, jax.Array) and checked.dtype == jnp.float32
    np.testing.assert_array_equal(checked, GOOD)


def test_traced_pictures_pass():
    shape = jax.eval_shape(check_image, jax.ShapeDtypeStruct((4, 5, 3), "float32"))
    assert shape.shape == (4, 5, 3)


@pytest.mark.parametrize(
    "image, error, message",
    [
        ("a.png", TypeError, r"photo must be an array.*got str.*load_image\(path\)"),
        (GOOD.tolist(), TypeError, "got list"),
        (None, TypeError, "got NoneType"),
        (GOOD[0], ValueError, r"must have shape \(H, W, 3\), RGB, got \(5, 3\)"),
        (GOOD[..., :1], ValueError, r"got \(4, 5, 1\)"),
        (np.zeros((4, 5, 4)), ValueError, r"got \(4, 5, 4\)"),
        (GOOD[None], ValueError, "use jax.vmap for a batch"),
        (np.zeros((4, 5, 3), int), TypeError, "got int64; divide 8-bit values by 255"),
        (GOOD > 0, TypeError, "got bool"),
    ],
)
def test_what_is_no_picture_is_an_error(image, error, message):
    with pytest.raises(error, match=message):
        check_image(image, "photo")


def test_small_pictures_are_errors_that_say_how_small():
    assert check_image(GOOD, min_side=4).shape == GOOD.shape
    with pytest.raises(ValueError, match="5 x 4 pixels, too small.*at least 5 on each"):
        check_image(GOOD, min_side=5)


def test_one_picture_or_several():
    assert len(check_images(GOOD, "style")) == 1
    assert len(check_images([GOOD, GOOD[:2]], "style")) == 2
    assert len(check_images((GOOD,), "style")) == 1
    with pytest.raises(ValueError, match="style must hold at least one picture"):
        check_images([], "style")
    with pytest.raises(ValueError, match="style.*too small"):
        check_images([GOOD, GOOD[:2]], "style", min_side=3)


def test_choices():
    assert check_choice("max", "pooling", ["max", "avg"]) == "max"
    with pytest.raises(
        ValueError,
        match=r"unknown pooling 'mac' \(did you mean 'max'\?\); choose.*: max, avg$",
    ):
        check_choice("mac", "pooling", ["max", "avg"])
    with pytest.raises(ValueError, match="unknown pooling 'zzz'; choose"):
        check_choice("zzz", "pooling", ["max", "avg"])
    with pytest.raises(ValueError, match="unknown pooling 3"):
        check_choice(3, "pooling", ["max", "avg"])


@pytest.mark.parametrize(
    "value", [0, 1, 2.5, np.float32(3), jnp.float32(1), (1, 2.0), np.ones(3)]
)
def test_numbers_pass_as_they_are(value):
    assert check_number(value, "alpha") is value


@pytest.mark.parametrize(
    "value, error, message",
    [
        (-1, ValueError, "alpha must be finite and at least 0, got -1"),
        (float("nan"), ValueError, "got nan"),
        (float("inf"), ValueError, "got inf"),
        (jnp.float32(-2), ValueError, "got -2"),
        ([1, -3], ValueError, "got -3"),
        ("much", TypeError, "alpha must be a number, got 'much'"),
        ({}, TypeError, "alpha must be a number"),
    ],
)
def test_other_numbers_are_errors(value, error, message):
    with pytest.raises(error, match=message):
        check_number(value, "alpha")


def test_the_least_number_is_named():
    assert check_number(1, "size", minimum=1) == 1
    with pytest.raises(ValueError, match="at least 1, got 0.5"):
        check_number(0.5, "size", minimum=1)


def test_traced_numbers_pass_unread():
    assert jax.jit(lambda x: check_number(x, "alpha"))(-1.0) == -1


@pytest.mark.parametrize(
    "wrong, mend",
    [
        (GOOD * 255, r"from 127\.5 to 127\.5; if it is in \[0, 255\], give x / 255"),
        (GOOD * 60_000, r"in \[0, 65535\], give x / 65535"),
        (np.linspace(-1, 1, 60).reshape(4, 5, 3), r"in \[-1, 1\], give \(x \+ 1\) / 2"),
        (GOOD + 0.6, r"to 1\.1; cut off what is beyond with jax\.numpy\.clip"),
    ],
)
@pytest.mark.parametrize("array", [np.asarray, jnp.float32])
def test_pictures_of_another_scale_are_errors_that_say_how_to_mend_them(
    wrong, mend, array
):
    with pytest.raises(ValueError, match=rf"photo must lie in \[0, 1\].*{mend}"):
        check_image(array(wrong), "photo")
    if wrong.max() > 2 or wrong.min() < 0:  # no optimisation goes there
        with pytest.raises(ValueError, match=mend):
            check_image(array(wrong), "photo", unclipped=True)


def test_rounding_results_without_clipping_and_what_is_not_finite_pass():
    check_image(GOOD * 2 + 1e-4)
    off = np.full((10, 10, 3), 0.5)
    off[0, 0], off[1] = -0.7, 1.8
    check_image(off, unclipped=True)
    check_image(GOOD * np.nan)


def test_values_that_are_traced_are_not_looked_at():
    far = jnp.full((2, 4, 5, 3), 200.0)
    jax.jit(check_image)(far[0])
    jax.vmap(check_image)(far)
    jax.grad(lambda x: check_image(x).sum())(far[0])


def test_alpha_where_it_counts():
    with_alpha = np.full((4, 5, 4), 0.5)
    assert check_images(with_alpha, "style", alpha=True)[0].shape == (4, 5, 4)
    with pytest.raises(ValueError, match=r"leave the alpha: image\[\.\.\., :3\]"):
        check_images(with_alpha, "style")
    with_alpha[..., 3] = 0
    with pytest.raises(ValueError, match="style is transparent everywhere"):
        check_images(with_alpha, "style", alpha=True)
