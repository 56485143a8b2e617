"""Transparent photographs and paintings on their way through a run."""

from dataclasses import dataclass

import numpy as np
import pytest
from networks import narrow_network, picture
from PIL import Image

from jaxnst import images, load_image, metrics
from jaxnst.cli._progress import Bar, Session
from jaxnst.cli.grid import Judge
from jaxnst.pipeline.inputs import load_for_judge, load_pictures
from jaxnst.pipeline.run import prepare
from jaxnst.pipeline.settings import Geometry, Settings


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed in (("cut.png", 1), ("painting.png", 2)):
        color = np.asarray(picture(40, 48, seed))
        alpha = np.zeros((40, 48, 1))
        alpha[:, :24] = 1
        bands = np.round(np.concatenate([color, alpha], -1) * 255)
        Image.fromarray(bands.astype(np.uint8)).save(name)
    return tmp_path


def settings(**changes):
    return Settings(geometry=Geometry(size=48, min_size=None), **changes)


def test_the_photograph_is_painted_as_if_opaque_the_painting_keeps_its_alpha(here):
    network = narrow_network(depth=13, width=2)
    content, (style,) = load_pictures(settings(), network, "cut.png", ["painting.png"])
    assert content.shape == (40, 48, 3) and style.shape[-1] == 4
    white = load_image("cut.png")
    assert np.abs(content - white)[:, 26:].mean() > 0.05
    np.testing.assert_allclose(content[:, :24], white[:, :24], atol=1e-6)


@pytest.mark.parametrize("color", ["style", "content", "match"])
def test_every_way_with_colours_leaves_the_alpha_to_the_painting(here, color):
    content = load_image("cut.png", alpha=True)[..., :3]
    style = load_image("painting.png", alpha=True)
    prepared = prepare(settings(color=color), narrow_network(width=2), content, [style])
    assert prepared.content.shape[-1] == 3 and prepared.styles[0].shape[-1] == 4
    assert prepared.finish(prepared.content).shape == content.shape


@dataclass
class Step:
    """As much of a run's progress as is looked at."""

    step: int = 1
    steps: int = 1

    terms = {"loss": 1.0, "content": 1.0, "style": 1.0}

    def picture(self):
        return picture(40, 48, 5)


def test_pictures_on_the_way_have_the_alpha(here):
    like = images.read_like("cut.png", size=(40, 48))
    with Bar(1, quiet=True) as bar:
        session = Session(
            bar, here / "out.png", 1, every=1, quality=None, frames=False, like=like
        )
        session(Step())
    with Image.open("out_00001.png") as opened:
        stored = np.asarray(opened)
    assert (stored[:, :24, 3] == 255).all() and (stored[:, 24:, 3] == 0).all()
    painted = np.asarray(picture(40, 48, 5))
    np.testing.assert_allclose(stored[..., :3] / 255, painted, atol=0.51 / 255)


def test_a_grid_is_judged_as_its_files_are(here, monkeypatch):
    image = np.asarray(picture(40, 48, 5))
    like = images.read_like("cut.png", size=(40, 48))
    images.save_image("out.png", image, like=like)
    photograph, painting = load_for_judge("cut.png", "painting.png")
    assert photograph.shape[-1] == 3 and painting.shape[-1] == 4
    seen = []
    monkeypatch.setattr(metrics, "judge", lambda *given: seen.extend(given))
    Judge("network", photograph, painting, like.alpha)(image)
    assert seen[0] == "network" and seen[2] is photograph and seen[3] is painting
    np.testing.assert_allclose(seen[1], load_image("out.png"), atol=1 / 255)
