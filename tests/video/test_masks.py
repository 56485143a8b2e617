"""Masks of clips: still and moving ones, and which frame each belongs to."""

from fractions import Fraction

import numpy as np
import pytest
from clips import write_clip
from networks import picture
from PIL import Image

from jaxnst.pipeline.region_masks import load_regions
from jaxnst.pipeline.settings import Masks
from jaxnst.video import open_clip, open_masks
from jaxnst.video.paint import paint_clip

SIZE = 24, 36
STYLES = [np.asarray(picture(16, 20, n)) for n in range(2)]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(name, *columns, size=SIZE):
    """A picture of columns of equal width, each of a grey level or a colour."""
    array = np.zeros((*size, 3), np.uint8)
    edges = np.linspace(0, size[1], len(columns) + 1).astype(int)
    for level, a, b in zip(columns, edges, edges[1:], strict=False):
        array[:, a:b] = level
    Image.fromarray(array).save(name)
    return str(name)


def folder(here, name, pictures):
    """Numbered pictures of columns."""
    (here / name).mkdir()
    for number, columns in enumerate(pictures, 8):  # 10 after 9
        save(here / name / f"{number}.png", *columns)
    return str(here / name)


@pytest.fixture
def clip(here):
    """Six frames of 0.04 s."""
    return open_clip(folder(here, "clip", [[40 * n] for n in range(6)]))


def opened(clip, count=1, **named):
    return open_masks(Masks(feather=0.0, **named), clip, SIZE, STYLES[:count])


def weights(masks, clip):
    """The middle row of each frame's weights, (frames, R, W)."""
    at = masks.frames()
    return np.stack([at(frame.pts).weights[12].T for frame in clip])


def test_without_masks_there_are_none(clip):
    assert opened(clip) is None


def test_a_still_mask_is_that_of_a_picture_for_all_frames(clip):
    named = {"content_mask": save("m.png", 0, 128, 255, 255)}
    masks = opened(clip, **named)
    wanted, _ = load_regions(Masks(feather=0.0, **named), SIZE, STYLES[:1])
    at = masks.frames()
    first, second = at(0), at(1)
    np.testing.assert_array_equal(first.weights, wanted.content)
    np.testing.assert_array_equal(masks.styles[0], wanted.styles[0])
    assert first.weights is second.weights and first.equals(second)
    assert [path.name for path in masks.files] == ["m.png"]
    with pytest.raises(ValueError, match="leaves nothing to paint"):
        opened(clip, content_mask=save("black.png", 0))


MOVING = [[255 if column == n else 0 for column in range(6)] for n in range(6)]


def places(found):
    """Which of six columns is white in each frame."""
    return [int(np.argmax(row[0]) // 6) for row in found]


def test_a_moving_mask_goes_with_the_clips_frames(clip, here):
    masks = opened(clip, content_mask=folder(here, "m", MOVING))
    assert len(masks.files) == 6
    found = weights(masks, clip)
    assert places(found) == [0, 1, 2, 3, 4, 5] and set(np.unique(found)) == {0, 1}
    assert places(weights(masks, clip)) == [0, 1, 2, 3, 4, 5]  # from the first on


def test_what_is_painted_in_part_takes_the_masks_of_its_frames(clip, here):
    """Masks of the whole clip, or of the part alone."""
    part = open_clip(clip.path, start=0.08, end=0.2)
    assert len(part.times) == 3
    whole = opened(part, content_mask=folder(here, "m", MOVING))
    assert places(weights(whole, part)) == [2, 3, 4]
    alone = opened(part, content_mask=folder(here, "n", MOVING[3:]))
    assert places(weights(alone, part)) == [3, 4, 5]
    with pytest.raises(ValueError, match="4 frames and the clip .* 6, of which 3 are"):
        opened(part, content_mask=folder(here, "o", MOVING[:4]))
    with pytest.raises(ValueError, match="4 frames and the clip .* 6; give a mask"):
        opened(clip, protect=str(here / "o"))


def test_levels_mean_the_same_in_all_frames(clip, here):
    """Also where a region has left the frame, and in its order."""
    levels = [[0, 128, 255], [0, 128], [255], [0], [128], [0, 255]]
    masks = opened(clip, 2, content_mask=folder(here, "m", levels))
    found = weights(masks, clip)[:, :, [2, 20, 33]]
    assert found[0].T.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert found[1].T.tolist() == [[0, 0], [1, 0], [1, 0]]
    assert (found[2, 1] == 1).all() and not found[3].any()
    assert (found[4, 0] == 1).all() and found[5].T.tolist()[::2] == [[0, 0], [0, 1]]


def test_colours_mean_the_same_in_all_frames(clip, here):
    red, green = (255, 0, 0), (0, 255, 0)
    own = [save("a.png", red, green, size=(16, 20))]
    moving = [[red, green], [green], [red], [red, red, green], [green], [green, red]]
    masks = opened(clip, content_mask=folder(here, "m", moving), style_mask=tuple(own))
    found = weights(masks, clip)
    reds = int(masks.styles[0][8, 2].argmax())  # the left of the painting
    assert masks.styles[0].shape == (16, 20, 2)
    assert (found[2, reds] == 1).all() and (found[1, reds] == 0).all()
    np.testing.assert_array_equal(found.sum(1), 1)


def test_what_is_protected_moves_too(clip, here):
    masks = opened(clip, protect=folder(here, "p", MOVING))
    at = masks.frames()
    for number, frame in enumerate(clip):
        mask = at(frame.pts)
        assert mask.weights.min() == 1 and mask.protected.shape == (*SIZE, 1)
        assert int(mask.protected[0, :, 0].argmax()) // 6 == number
    with pytest.raises(ValueError, match="has colours; what is protected is white"):
        opened(clip, protect=save("red.png", (255, 0, 0))).frames()(0)


class Teller:
    """A painter that notes what masks it is given."""

    span = 1

    def __init__(self):
        self.given = []

    def motion(self, frames):
        return None

    def paint(self, frame, motion, painted, masks=()):
        self.given.append([places(mask.weights[12].T[None])[0] for mask in masks])
        return frame


def test_a_painter_is_given_the_masks_of_the_frames_it_looks_at(clip, here):
    masks = opened(clip, content_mask=folder(here, "m", MOVING))
    painter = Teller()
    options = {"size": SIZE, "masks": masks, "description": {}}
    stop = paint_clip(
        clip, painter, "out", **options, callback=lambda progress: progress.done == 3
    )
    assert stop.interrupted
    paint_clip(clip, painter, "out", **options, resume=True)
    assert painter.given == [[0], [0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]


def test_black_and_white_of_a_video_are_black_and_white(here):
    """Of a mask that was compressed, and at another rate."""
    pytest.importorskip("av", reason="needs PyAV: pip install 'jaxnst[video]'")
    times = range(0, 240, 40)
    pictures = [
        np.repeat(np.repeat(np.uint8(row)[None], 48, 0), 8, 1)[..., None].repeat(3, -1)
        for row in MOVING
    ]
    write_clip(here / "m.mp4", times, last=40, pictures=pictures)
    write_clip(here / "in.mp4", times, last=40, pictures=pictures)
    clip = open_clip("in.mp4")
    found = weights(opened(clip, content_mask="m.mp4"), clip)
    assert places(found) == [0, 1, 2, 3, 4, 5]
    inside = found[:, 0, 3::6][:, :5]  # off the borders
    assert set(np.unique(np.round(inside, 2))) <= {0, 1}
    slow = open_clip("in.mp4", fps=Fraction(25, 2))
    masks = opened(slow, content_mask="m.mp4")
    assert places(weights(masks, slow)) == [0, 2, 4]
    with pytest.raises(ValueError, match="m.mp4 has 6 frames and the clip"):
        opened(open_clip(folder(here, "c", MOVING[:2])), content_mask="m.mp4")
