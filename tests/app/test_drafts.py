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
def counted(monkeypatch):
    """One pass that mixes with the style's mean, and counts what it is asked."""
    calls = {"style": 0, "frames": 0}

    class Model:
        min_side = 16

    def style_of(model, image):
        calls["style"] += 1
        return jnp.mean(image, (0, 1))

    def apply(model, content, style, *, strength):
        calls["frames"] += 1
        return content + strength * (style.reshape(1, 1, 3) - content)

    monkeypatch.setattr(drafts, "model", Model)
    monkeypatch.setattr(drafts, "_prepared", Model)
    monkeypatch.setattr(drafts, "_style_of", style_of)
    monkeypatch.setattr(drafts, "_apply", apply)
    return calls


def test_a_camera_looks_at_its_painting_once(counted, tmp_path):
    paths = tmp_path / "a.png", tmp_path / "b.png"
    for number, path in enumerate(paths):
        save_image(path, picture(20, 20, number))
    times = iter([0.0, 0.5, 1.0, 9.0, 9.1])
    camera, frame = Camera(lambda: next(times)), np.asarray(picture(48, 64))
    assert camera.rate == 0
    same = camera.paint(frame, paths[:1], strength=0.0, side=64)
    np.testing.assert_allclose(same, frame, atol=1e-5)
    whole = camera.paint(frame, paths[:1], strength=None, side=64)
    assert np.ptp(whole, (0, 1)).max() < 1e-6 and camera.rate == 2.0
    assert camera.paint(frame, paths[:1], strength=0.5, side=32).shape == (32, 32, 3)
    assert counted == {"style": 2, "frames": 3}  # another size, another look
    camera.paint(frame, paths[1:], strength=0.5, side=32)
    assert counted["style"] == 3 and camera.rate == 0  # it was paused
    assert camera.count == 4 and camera.skip() == 5


def test_strength_0_is_the_photograph_and_pictures_are_read_once(tmp_path, monkeypatch):
    def one_pass(model, content, styles, *, strength, style_mix):
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
