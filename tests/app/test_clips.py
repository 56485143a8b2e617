"""Clips as the page has them painted."""

import numpy as np
import pytest
from clips import write_clip
from networks import picture

from jaxnst import save_image
from jaxnst.app import clips, markup
from jaxnst.app.clips import ClipOrder, clip_settings
from jaxnst.app.controls import Controls
from jaxnst.app.runs import Run


def test_one_pass_unless_frames_are_optimised():
    controls = Controls(strength=0.3, size=64, color="match")
    one = clip_settings(controls, optimised=False)
    assert one.optimization.one_pass and one.terms.strength == 0.3
    assert one.geometry.size == 64 and one.color == "match"
    many = clip_settings(controls, optimised=True)
    assert not many.optimization.one_pass and many.terms.strength == 0.3


class Painter:
    """Paints each frame one level darker."""

    span = 0

    def motion(self, frames):
        return None

    def paint(self, frame, motion, painted):
        return np.maximum(frame, 1) - np.uint8(1)


@pytest.fixture
def order(tmp_path, monkeypatch):
    pytest.importorskip("av", reason="needs PyAV (the extra video)")
    monkeypatch.setattr(clips, "_painter", lambda *given: Painter())
    clip, style = tmp_path / "clip.mp4", tmp_path / "painting.png"
    write_clip(clip)
    save_image(style, picture(20, 20))
    settings = clip_settings(Controls(size=48), optimised=False)
    return ClipOrder(clip, (style,), settings)


def test_a_clip_is_painted_and_watched(order, tmp_path):
    run = Run()
    made = clips.paint(order, tmp_path / "made", run)
    assert made.path.name == "clip__painting.mp4" and made.frames == 6
    assert run._update.step == run._update.steps == 6
    assert run._update.image.shape == (*made.size, 3) and run._update.left == 0
    words = markup.clip(made)
    assert "6 frames" in words and "stopped" not in words


def test_a_clip_that_is_stopped_keeps_its_frames(order, tmp_path):
    class Stopped(Run):
        def report(self, **changes):
            super().report(**changes)
            self.stop()

    made = clips.paint(order, tmp_path / "made", Stopped())
    assert made.interrupted and 0 < made.frames < 6
    assert "stopped" in markup.clip(made)
    before = Run()
    before.stop()
    assert clips.paint(order, tmp_path / "never", before) is None
