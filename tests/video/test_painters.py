"""Painters: single frames, what moves, what stands still, cuts, what is compiled."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from loops import loops_compiled
from networks import narrow_network, picture

import jaxnst
from jaxnst import feedforward
from jaxnst.feedforward import new_feedforward
from jaxnst.losses import Config
from jaxnst.pipeline import Geometry, Optimization, Settings
from jaxnst.pipeline.photorealism import photorealistic
from jaxnst.video.flow import Flows
from jaxnst.video.motion import Motion, carried, motion_between, same_shot
from jaxnst.video.one_pass import style_of_paintings
from jaxnst.video.painters import OnePassPainter, OptimisedPainter

pytestmark = pytest.mark.usefixtures("compiled_quickly")

pytest.importorskip("cv2")

SCENE = np.uint8(255 * np.asarray(picture(72, 90)))
SIZE = (56, 64)
FRAME = SCENE[8:64, 8:72]
OTHER_SHOT = np.uint8(255 * np.asarray(picture(*SIZE, seed=5)) ** 3)
STYLE = picture(40, 48, 1)
SETTINGS = Settings(
    objective=Config(("relu2_1",), ("relu1_1", "relu2_1"), statistic="gaussian"),
    terms=jaxnst.Weights(beta=10.0),
    geometry=Geometry(size=64, margin=4),
    optimization=Optimization(steps=(8,), learning_rate=0.1, ema=0.5),
)

# Compiling one pass takes as long as all the rest.
BOTH = pytest.mark.parametrize(
    "name", ["optimised", pytest.param("one_pass", marks=pytest.mark.slow)]
)


@pytest.fixture(scope="module")
def network():
    return narrow_network(width=4, depth=3)


@pytest.fixture(scope="module")
def model():
    encoder = narrow_network(width=2, depth=10)
    return new_feedforward(jax.random.key(0), encoder, matching="adain")


@pytest.fixture(scope="module")
def optimised(network):
    return OptimisedPainter(network, [STYLE], SETTINGS, size=SIZE, steps=4)


@pytest.fixture(scope="module")
def one_pass(model):
    return OnePassPainter(model, [STYLE], smooth=0.75)


def paint(painter, frames):
    painted = []
    for index, frame in enumerate(frames):
        first = max(0, index - painter.span)
        motion = painter.motion(frames[first : index + 1])
        painted.append(painter.paint(frame, motion, painted[first:]))
    return painted


def apart(first, second):
    """Mean difference in 8-bit levels."""
    return np.abs(np.int32(first) - np.int32(second)).mean()


def moving(count, by=2):
    """The scene through a window that goes to the right by whole pixels."""
    return [SCENE[8:64, 8 + by * n : 72 + by * n] for n in range(count)]


# Frames for themselves


@pytest.mark.slow
@pytest.mark.parametrize("color", ["style", "content", "match"])
def test_a_frame_for_itself_is_the_picture_of_render(network, color):
    settings = replace(SETTINGS, color=color)
    painter = OptimisedPainter(
        network, [STYLE], settings, size=SIZE, temporal=0, reference=FRAME
    )
    assert painter.span == 0
    (painted,) = paint(painter, [FRAME])
    image = jaxnst.render(settings, network, jnp.float32(FRAME) / 255, [STYLE]).image
    assert np.abs(painted - np.round(255 * np.asarray(image))).max() <= 1


@pytest.mark.slow
def test_a_frame_in_one_pass_is_the_picture_of_one_pass(model):
    painter = OnePassPainter(model, [STYLE], strength=0.8, smooth=0)
    assert painter.span == 0
    (painted,) = paint(painter, [FRAME])
    image = feedforward.stylize_compiled(
        model, jnp.float32(FRAME) / 255, STYLE, strength=0.8
    )
    assert np.abs(painted - np.round(255 * np.asarray(image))).max() <= 1
    narrow = FRAME[:37, :5]
    assert paint(painter, [narrow])[0].shape == narrow.shape


# Clips


@BOTH
def test_a_still_clip_gives_a_still_result(name, request):
    painter = request.getfixturevalue(name)
    painted = paint(painter, [FRAME] * 4)
    for frame in painted[1:]:
        np.testing.assert_array_equal(frame, painted[0])


@BOTH
def test_noise_of_a_camera_moves_little(name, request):
    """Within a mean of six of 255 levels, and less than frames by themselves."""
    painter, rng = request.getfixturevalue(name), np.random.default_rng(0)
    noisy = [
        np.uint8(np.clip(FRAME + rng.normal(0, 2, FRAME.shape), 0, 255))
        for _ in range(3)
    ]
    painted = paint(painter, noisy)
    alone = painter.paint(noisy[1], Motion(False, ()), [])
    for before, after in zip(painted, painted[1:], strict=False):
        assert apart(before, after) < min(6, 0.6 * apart(painted[0], alone))


@BOTH
def test_what_moves_by_whole_pixels_is_painted_moved(name, request):
    """Within a mean of four of 255 levels, 12 pixels and more from the borders: the
    flow is not of whole pixels, and four steps are taken."""
    painter = request.getfixturevalue(name)
    painted = [frame[12:-12] for frame in paint(painter, moving(4))]
    for before, after in zip(painted, painted[1:], strict=False):
        assert apart(after[:, 12:-14], before[:, 14:-12]) < 4
        assert apart(after, before) > 6  # it does move


@BOTH
def test_a_cut_begins_anew(name, request):
    painter = request.getfixturevalue(name)
    shots = paint(painter, [*moving(2), OTHER_SHOT])
    np.testing.assert_array_equal(shots[2], paint(painter, [OTHER_SHOT])[0])


def test_where_nothing_was_seen_before_it_is_begun_anew(optimised):
    nowhere = np.full((*SIZE, 2), 500, np.float32)
    motion = Motion(False, (Flows(nowhere, nowhere),))
    painted = optimised.paint(FRAME, motion, [OTHER_SHOT])
    np.testing.assert_array_equal(painted, paint(optimised, [FRAME])[0])


def test_the_same_arguments_give_the_same_frame(network, optimised):
    """Another painter, without the frames before, goes on where one broke off."""
    frames = moving(3)
    whole = paint(optimised, frames)
    other = OptimisedPainter(network, [STYLE], SETTINGS, size=SIZE, steps=4)
    last = other.paint(frames[2], other.motion(frames[1:]), whole[1:2])
    np.testing.assert_array_equal(last, whole[2])


def test_a_clip_is_compiled_once(network):
    """A shot's first frame, those after it, another shot's, and another weight."""
    frames, counts = [*moving(3), OTHER_SHOT, OTHER_SHOT], []
    frames[-1] = np.roll(OTHER_SHOT, 1, 1)
    for weight in (100.0, 3.0):
        painter = OptimisedPainter(
            network, [STYLE], SETTINGS, size=SIZE, steps=4, temporal=weight
        )
        for count in (1, len(frames)):
            paint(painter, frames[:count])
            counts.append(loops_compiled())
    assert len(set(counts)) == 1


def test_the_painting_is_looked_at_once(network, monkeypatch):
    from jaxnst.video import painters

    calls = []
    original = painters.style_targets

    def counted(*args, **kwargs):
        calls.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(painters, "style_targets", counted)
    paint(OptimisedPainter(network, [STYLE], SETTINGS, size=SIZE, steps=4), moving(3))
    assert len(calls) == 1


def test_a_weight_holds_the_picture_where_it_was_seen(network):
    """The heavier, the closer to the frame before, moved along."""
    frames, differences = moving(2), []
    for weight in (1.0, 1e4):
        painter = OptimisedPainter(
            network, [STYLE], SETTINGS, size=SIZE, steps=8, temporal=weight,
            learning_rate=0.5,
        )  # fmt: skip
        painted = paint(painter, frames)
        differences.append(
            apart(painted[1][12:-12, 12:-14], painted[0][12:-12, 14:-12])
        )
    assert differences[1] < 0.7 * differences[0]


@BOTH
def test_colours_of_the_clip_are_kept(network, name, request):
    frames = moving(2)
    if name == "optimised":
        settings = replace(SETTINGS, color="content")
        painter = OptimisedPainter(
            network, [STYLE], settings, size=SIZE, steps=4, reference=frames[0]
        )
    else:
        model = request.getfixturevalue("model")
        painter = OnePassPainter(model, [STYLE], color="content", reference=frames[0])
    for frame, painted in zip(frames, paint(painter, frames), strict=True):
        inside = (painted > 0).all(-1) & (painted < 255).all(-1)
        chroma = [np.diff(np.int32(x), axis=-1)[inside] for x in (frame, painted)]
        assert np.abs(chroma[0] - chroma[1]).max() <= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["optimised", "one pass"])
def test_colour_and_light_on_the_frames_own_edges(network, name, request):
    frames = moving(2)

    def painted(photorealism):
        if name == "optimised":
            settings = replace(SETTINGS, photorealism=photorealism)
            painter = OptimisedPainter(network, [STYLE], settings, size=SIZE, steps=4)
        else:
            model = request.getfixturevalue("model")
            painter = OnePassPainter(
                model, [STYLE], photorealism=photorealism, smooth=0
            )
        return paint(painter, frames)[0]

    before, frame = (jnp.float32(x) / 255 for x in (painted(None), frames[0]))
    expected = photorealistic(before, frame, 0.1)
    np.testing.assert_allclose(painted(0.1), 255 * expected, atol=2)


# What of the motion they use


def test_long_term_looks_further_back(network):
    def offsets(long_term):
        return OptimisedPainter(
            network, [STYLE], SETTINGS, size=SIZE, long_term=long_term
        ).offsets

    assert [offsets(n) for n in (0, 1, 3, 4)] == [(1,), (1,), (1, 2), (1, 2, 4)]


def test_what_the_frame_before_hides_an_earlier_one_shows():
    """What leads nowhere is not known; what is steep is known but not held."""
    still = np.zeros((*SIZE, 2), np.float32)
    lost, steep = still.copy(), still.copy()
    lost[:, 24:48] = 9
    steep[20:30, 4:20] = np.linspace(0, 1.2, 16)[:, None]
    nearest = Flows(-steep, lost + steep)
    images = [jnp.full((*SIZE, 3), value) for value in (0.25, 0.75)]
    found = carried(images, [nearest, Flows(still, still)])
    image, mask, start, known = (np.asarray(part)[..., 0] for part in found)
    assert (mask == 1).all() and (known == 1).all()
    assert (image[:, 26:46] == 0.75).all() and (start[:, 26:46] == 0.75).all()
    assert (image[:, 50:] == 0.25).all() and (start[22:28, 6:16] == 0.25).all()
    assert (image[22:28, 6:12] == 0.75).all()


def test_frames_of_another_shot_are_not_looked_at():
    frames = [FRAME, OTHER_SHOT, OTHER_SHOT[:, ::-1], FRAME]
    assert [same_shot(frames[:n]) for n in (1, 2, 4)] == [0, 0, 0]
    assert len(motion_between([OTHER_SHOT, *moving(2)], (1, 2)).flows) == 1
    assert len(motion_between(moving(3), (1, 2)).flows) == 2
    assert motion_between([FRAME], (1, 2)) == Motion(False, ())


# What cannot be


def test_arguments_that_cannot_be(network, optimised):
    def painter(settings=SETTINGS, **options):
        return OptimisedPainter(network, [STYLE], settings, size=SIZE, **options)

    def init(name):
        return replace(SETTINGS, optimization=Optimization(init=name))

    wrong = {
        "give its first as reference": lambda: painter(
            replace(SETTINGS, color="match")
        ),
        "cannot start from a file": lambda: painter(init("a.png")),
        "load_feedforward": lambda: painter(init("feedforward")),
        "temporal": lambda: painter(temporal=-1.0),
        "steps": lambda: painter(steps=0),
        "long_term": lambda: painter(long_term=-3),
        "OnePassPainter": lambda: painter(jaxnst.presets.get("encoder-transformer")),
        "below 1": lambda: OnePassPainter(None, [STYLE], smooth=1),
        "color": lambda: OnePassPainter(None, [STYLE], color="red"),
        "resize the frame": lambda: optimised.paint(FRAME[1:], Motion(False, ()), []),
        "got 0 painted": lambda: optimised.paint(
            FRAME, optimised.motion(moving(2)), []
        ),
        "last painted frames": lambda: optimised.paint(FRAME, Motion(True, ()), []),
    }
    for message, call in wrong.items():
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match="one each"):
        style_of_paintings(None, [STYLE], [1, 2])
    with pytest.raises(TypeError, match="uint8"):
        optimised.paint(FRAME / 255, Motion(False, ()), [])
