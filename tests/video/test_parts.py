"""Clips that are painted in part: what is kept, and borders that move."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

import jaxnst
from jaxnst.feedforward import new_feedforward
from jaxnst.losses import Config
from jaxnst.pipeline import Geometry, Optimization, Settings
from jaxnst.video import ClipMasks, FrameMask, OnePassPainter, OptimisedPainter
from jaxnst.video.coloring import to_image
from jaxnst.video.flow import Flows
from jaxnst.video.motion import Motion, carried
from jaxnst.video.parts import parts_of, stacked, stay

pytestmark = pytest.mark.usefixtures("compiled_quickly")

pytest.importorskip("cv2")

SIZE = 40, 48
FRAME = np.uint8(255 * np.asarray(picture(*SIZE)))
STYLE = picture(40, 48, 1)
STILL = Motion(False, (Flows(*np.zeros((2, *SIZE, 2), np.float32)),))
SETTINGS = Settings(
    objective=Config(("relu2_1",), ("relu1_1", "relu2_1"), statistic="gaussian"),
    terms=jaxnst.Weights(beta=10.0),
    geometry=Geometry(size=48),
    optimization=Optimization(steps=(8,), learning_rate=0.1),
)


def left_of(column, protected=None):
    """Painted are the columns before that one."""
    weights = np.zeros((*SIZE, 1), np.float32)
    weights[:, :column] = 1
    return FrameMask(weights, protected)


def masks_of(mask, strength=None):
    """Masks of a clip whose frames all have that one."""
    whole = jnp.ones((*STYLE.shape[:2], 1))
    protected = None if mask.protected is None else lambda: lambda pts: mask.protected
    weights = lambda: lambda pts: mask.weights  # noqa: E731
    return ClipMasks((whole,), (), "", strength, weights, protected)


def apart(first, second):
    return np.abs(np.int32(first) - np.int32(second)).mean()


@pytest.fixture(scope="module")
def optimised():
    network = narrow_network(width=4, depth=3)
    return OptimisedPainter(
        network, [STYLE], SETTINGS, size=SIZE, steps=4, masks=masks_of(left_of(24))
    )


@pytest.fixture(scope="module")
def one_pass():
    encoder = narrow_network(width=2, depth=10)
    model = new_feedforward(jax.random.key(0), encoder, matching="adain")
    return OnePassPainter(model, [STYLE], smooth=0.9, masks=masks_of(left_of(24)))


# Compiling one pass takes as long as all the rest.
BOTH = pytest.mark.parametrize(
    "name", ["optimised", pytest.param("one_pass", marks=pytest.mark.slow)]
)


@BOTH
def test_a_border_that_moves_takes_nothing_along(name, request):
    """Over a scene that stands still: what was painted is held, what was the frame is
    begun as if there had been no frame before, and beside it the frame stays."""
    painter = request.getfixturevalue(name)
    before, after = left_of(24), left_of(36)
    first = painter.paint(FRAME, Motion(False, ()), [], [before])
    np.testing.assert_array_equal(first[:, 24:], FRAME[:, 24:])
    assert apart(first[:, :22], FRAME[:, :22]) > 5
    second = painter.paint(FRAME, STILL, [first], [before, after])
    np.testing.assert_array_equal(second[:, 36:], FRAME[:, 36:])
    assert apart(second[:, :20], first[:, :20]) < 6
    alone = painter.paint(FRAME, Motion(False, ()), [], [after])
    new = slice(26, 36)
    if name == "one_pass":  # to the bit that of the frame alone, not nine parts frame
        np.testing.assert_array_equal(second[:, new], alone[:, new])
    # The frame before is not what it is held to: held, it stays nearer to it.
    careless = painter.paint(FRAME, STILL, [first], [after, after])
    assert apart(second[:, new], FRAME[:, new]) > apart(careless[:, new], FRAME[:, new])
    back = painter.paint(FRAME, STILL, [second], [after, before])
    np.testing.assert_array_equal(back[:, 24:], FRAME[:, 24:])


@BOTH
def test_frames_that_stand_still_while_their_mask_moves(name, request):
    painter = request.getfixturevalue(name)
    still, before, after = Motion(True, ()), left_of(24), left_of(12)
    first = painter.paint(FRAME, Motion(False, ()), [], [before])
    same = painter.paint(FRAME, still, [first], [before, left_of(24)])
    np.testing.assert_array_equal(same, first)
    moved = painter.paint(FRAME, still, [first], [before, after])
    np.testing.assert_array_equal(moved[:, 12:], FRAME[:, 12:])
    assert apart(moved[:, :10], first[:, :10]) < 4
    nothing = painter.paint(FRAME, still, [first], [before, left_of(0)])
    np.testing.assert_array_equal(nothing, FRAME)
    with pytest.raises(ValueError, match="masks where the clip has them"):
        painter.paint(FRAME, STILL, [first], [after])
    with pytest.raises(ValueError, match="the painter has masks"):
        painter.paint(FRAME, STILL, [first])


@pytest.mark.slow
def test_a_first_frame_is_the_picture_of_render_in_part(optimised):
    mask = left_of(24)
    (whole,) = masks_of(mask).styles
    painted = optimised.paint(FRAME, Motion(False, ()), [], [mask])
    regions = jaxnst.Regions(mask.weights, (whole,))
    image = jaxnst.render(
        SETTINGS, optimised.network, to_image(FRAME), [STYLE], regions=regions
    ).image
    assert np.abs(painted - np.round(255 * np.asarray(image))).max() <= 1


# What of earlier frames holds


def test_masks_say_what_of_earlier_frames_holds():
    """Moved along with the scene, the nearest frame that was painted alike."""
    still = np.zeros((*SIZE, 2), np.float32)
    right = still + np.float32([4, 0])  # the scene went 4 pixels to the right
    near, far = Flows(right, -right), Flows(still, still)
    images = [jnp.full((*SIZE, 3), value) for value in (0.25, 0.75)]
    masks = [left_of(40), left_of(20), left_of(24)]  # oldest first
    found = carried(images, [near, far], stacked(masks, (1, 2)))
    mask, image = np.asarray(found.mask)[..., 0], np.asarray(found.image)[..., 0]
    # Moved by 4 the border at 20 is that at 24: all of it holds.
    assert (mask[:, 4:] == 1).all() and (image[:, 4:] == 0.25).all()
    stays = [left_of(24), left_of(20), left_of(20)]
    found = carried(images, [near, far], stacked(stays, (1, 2)))
    mask, image = np.asarray(found.mask)[..., 0], np.asarray(found.image)[..., 0]
    # Here the border stays while the scene moves: 4 columns were painted before ...
    assert (mask[:, 24:] == 1).all() and (image[:, 24:] == 0.25).all()
    # ... and in both frames; there nothing holds.
    assert (mask[:, 20:24] == 0).all() and (mask[:, 4:20] == 1).all()


def test_masks_that_differ_a_little_hold_in_part():
    still = Flows(*np.zeros((2, *SIZE, 2), np.float32))
    values = []
    for weight in (1.0, 0.95, 0.8, 0.6, 0.4):
        mask = FrameMask(np.full((*SIZE, 1), weight, np.float32), None)
        found = carried([to_image(FRAME)], [still], stacked([left_of(48), mask], (1,)))
        values.append((float(found.mask.mean()), float(found.known.mean())))
    held = [value for value, _ in values]
    np.testing.assert_allclose(held, [1, 0.8, 0.2, 0, 0], atol=1e-5)
    assert [known for _, known in values] == [1, 1, 1, 1, 0]


def test_masks_stay_where_they_are_equal():
    one = left_of(9)
    assert stay([]) and stay([one]) and stay([one, left_of(9)])
    assert not stay([one, left_of(10)])
    protected = one._replace(protected=np.ones((*SIZE, 1), np.float32))
    assert not stay([one, protected]) and stay([protected, protected])


# What is protected


def test_what_is_protected_takes_colours_by_one_frame_of_the_clip():
    half = np.zeros((*SIZE, 1), np.float32)
    half[:20] = 1
    mask = left_of(48, half)
    masks = masks_of(mask, strength=0.5)
    how = {"color": "style", "style_mix": None}
    parts = parts_of(masks, [STYLE], FRAME, **how)
    dark = FRAME // 2
    covers = [parts.cover([mask], to_image(frame)) for frame in (FRAME, dark)]
    for cover, frame in zip(covers, (FRAME, dark), strict=True):
        assert (np.asarray(cover.weights)[:20] == 0.5).all()
        assert (np.asarray(cover.weights)[20:] == 1).all()
        np.testing.assert_array_equal(cover.kept[20:], to_image(frame)[20:])
        assert np.abs(cover.kept[:20] - to_image(frame)[:20]).mean() > 0.01
    # One map for all frames: differences of frames are moved, not taken away.
    assert float(covers[0].kept[:20].mean() - covers[1].kept[:20].mean()) > 0.05
    own = parts_of(masks, [STYLE], FRAME, **how | {"color": "match"})
    np.testing.assert_array_equal(
        own.cover([mask], to_image(FRAME)).kept, to_image(FRAME)
    )
    with pytest.raises(ValueError, match="give its first as reference"):
        parts_of(masks, [STYLE], None, **how)
    assert parts_of(None, [STYLE], None, **how) is None
    size = replace(masks, styles=(jnp.ones((8, 8, 1)),))
    assert parts_of(size, [STYLE], FRAME, **how).styles[0].shape == (40, 48, 1)
