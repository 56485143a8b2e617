"""One pass for drafts and for a camera's frames."""

from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import save_image
from jaxnst.app import drafts
from jaxnst.app.controls import Controls, settings_of
from jaxnst.app.drafts import Camera, draft_settings, frame_size
from jaxnst.pipeline import run


def test_a_draft_is_one_pass_and_small():
    controls = Controls(size=2048, strength=0.3, color="match", style_scale=2.0)
    found = draft_settings(settings_of(controls))
    assert found.optimization.one_pass and found.geometry.size == drafts.DRAFT_SIDE
    assert found.terms.strength == 0.3 and found.color == "match"
    assert found.geometry.style_scale == 2.0
    small = draft_settings(settings_of(replace(controls, size=64, how="weight")))
    assert small.geometry.size == 64 and small.terms.strength is None


@pytest.mark.parametrize(
    "size, side, wanted",
    [
        ((480, 640), 256, (192, 256)),
        ((640, 480), 256, (256, 192)),
        ((100, 100), 256, (96, 96)),
        ((9, 900), 96, (16, 96)),
    ],
)
def test_frames_have_few_sizes(size, side, wanted):
    assert frame_size(*size, side) == wanted


@pytest.fixture
def painters(monkeypatch):
    """Painters that mix a frame with their painting's mean, and are listed."""
    made = []

    class Mixer:
        def __init__(self, model, paintings, *, smooth):
            self.mean, self.smooth = float(paintings[0].mean()), smooth
            self.span, self.given = int(smooth > 0), []
            made.append(self)

        def motion(self, frames):
            return len(frames)

        def paint(self, frame, motion, painted):
            self.given.append((motion, len(painted)))
            return np.uint8(frame + self.strength * (255 * self.mean - frame))

    monkeypatch.setattr(drafts, "OnePassPainter", Mixer)
    monkeypatch.setattr(drafts, "model", lambda: SimpleNamespace(min_side=16))
    return made


@pytest.mark.parametrize("opencv", [True, False])
def test_a_camera_looks_at_its_painting_once(opencv, painters, tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "find_spec", lambda name: opencv or None)
    paths = tmp_path / "a.png", tmp_path / "b.png"
    for number, path in enumerate(paths):
        save_image(path, picture(20, 20, number))
    times = iter([0.0, 0.4, 0.5, 0.9, 9.0, 9.1, 9.2, 9.3, 9.4, 9.5])
    camera, frame = Camera(lambda: next(times)), np.asarray(picture(48, 64))
    assert camera.rate == 0
    same = camera.paint(frame, paths[:1], strength=0.0, side=64)
    np.testing.assert_allclose(same, frame, atol=1 / 255)
    whole = camera.paint(frame, paths[:1], strength=None, side=64)
    assert np.ptp(whole, (0, 1)).max() < 0.01 and camera.rate == 2.0
    camera.paint(frame, paths[:1], strength=0.5, side=64)  # it was paused
    assert camera.rate == 0 and len(painters) == 1
    steadied = [(1, 0), (2, 1), (1, 0)]
    assert painters[0].given == (steadied if opencv else [(1, 0)] * 3)
    assert camera.paint(frame, paths[:1], strength=0.5, side=32).shape == (32, 32, 3)
    camera.paint(frame, paths[1:], strength=0.5, side=32)
    assert len(painters) == 3  # another size, another painting
    assert camera.count == 5 and camera.skip() == 6


def test_strength_0_is_the_photograph_and_pictures_are_read_once(tmp_path, monkeypatch):
    def one_pass(model, content, styles, *, strength, style_mix, regions):
        grey = jnp.mean(styles[0])
        return content + strength * (grey - content)

    model = SimpleNamespace(min_side=16, encoder=narrow_network(width=2, depth=1))
    monkeypatch.setattr(drafts, "model", lambda: model)
    monkeypatch.setattr(run.feedforward, "stylize_compiled", one_pass)
    content, style = tmp_path / "photo.png", tmp_path / "painting.png"
    save_image(content, picture(24, 32, 1))
    save_image(style, picture(32, 32, 2))
    settings = settings_of(Controls(size=32, strength=0.0))
    drafts._content.cache_clear()
    image = drafts.draft(settings, content, [style])
    assert image.shape == (24, 32, 3)
    np.testing.assert_allclose(image, picture(24, 32, 1), atol=0.03)
    other = drafts.draft(settings_of(Controls(size=32, strength=1.0)), content, [style])
    assert not np.allclose(other, image, atol=0.03)
    assert drafts._content.cache_info().hits == 1
