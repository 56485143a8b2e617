"""From files and settings to a picture that carries them, and on from it."""

from dataclasses import replace

import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import load_image, save_image
from jaxnst.app import grids, painting
from jaxnst.app.controls import Controls, settings_of
from jaxnst.app.painting import Order
from jaxnst.app.runs import Run
from jaxnst.images import read_metadata
from jaxnst.pipeline import inputs
from jaxnst.pipeline.provenance import read_settings

SMALL = Controls(
    size=32,
    steps="2",
    rest='{"geometry": {"min_size": null, "margin": 0}, "objective": '
    '{"content_layers": ["relu2_1"], "style_layers": ["relu1_1"]}, '
    '"terms": {"style_weights": null}}',
)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Photograph and painting; networks are narrow and shallow."""
    network = narrow_network(depth=3)
    monkeypatch.setattr(inputs, "load_network", lambda *name, **how: network)
    content, style = tmp_path / "photo.png", tmp_path / "painting.png"
    save_image(content, picture(24, 32, 1))
    save_image(style, picture(30, 30, 2))
    return content, (style,)


def painted(files, tmp_path, controls=SMALL, run=None, **how):
    order = Order(*files, settings_of(controls), **how)
    return painting.paint(order, tmp_path / "made", run or Run())


def test_a_picture_carries_its_settings_and_the_names_of_its_pictures(files, tmp_path):
    run = Run()
    done = painted(files, tmp_path, run=run)
    assert done.path.name == "photo__painting.png" and done.finite
    assert (done.width, done.height, done.steps, done.planned) == (32, 24, 2, 2)
    settings, names = read_settings(done.path)
    assert settings == done.order.settings and settings.terms.strength == 0.5
    assert [str(name) for name in names] == ["photo.png", "painting.png"]
    stored = read_metadata(done.path)
    assert set(stored["sha256"]) == {"photo.png", "painting.png"}
    assert str(tmp_path) not in str(stored)
    assert load_image(done.shown).shape == load_image(done.before).shape == (24, 32, 3)
    difference = np.abs(load_image(done.before) - load_image(files[0]))
    assert difference.mean() < 0.05
    assert run._update.step == 2 and run._update.image.shape == (24, 32, 3)
    assert done.facts["losses"]["loss"] == done.losses["loss"] > 0
    assert "loss" in done.losses and "style/relu1_1" not in done.losses


def test_more_style_goes_on_from_the_picture_itself(files, tmp_path):
    done = painted(files, tmp_path)
    order = painting.go_on(done, painting.MORE)
    assert order.settings.terms.strength == pytest.approx(0.65)
    assert order.settings.optimization.init == str(done.path)
    how = replace(order.settings.optimization, steps=(1,))
    order = replace(order, settings=replace(order.settings, optimization=how))
    again = painting.paint(order, tmp_path / "again", Run())
    stored = read_metadata(again.path)
    assert stored["settings"]["optimization"]["init"] == "photo__painting.png"
    assert set(stored["sha256"]) == {"photo.png", "painting.png", done.path.name}
    less = painting.go_on(again, 1 / painting.MORE)
    assert less.settings.terms.strength == pytest.approx(0.5)
    with pytest.raises(ValueError, match="factor must be above 0"):
        painting.go_on(done, 0.0)


def test_a_run_that_is_stopped_keeps_what_is_there(files, tmp_path):
    class Stopped(Run):
        def report(self, **changes):
            super().report(**changes)
            self.stop()

    done = painted(files, tmp_path, replace(SMALL, steps="50"), run=Stopped())
    assert done.steps < done.planned == 50 and done.path.exists()
    before = Run()
    before.stop()
    assert painted(files, tmp_path, run=before) is None


@pytest.mark.parametrize("kind", painting.KINDS)
def test_every_kind_of_file_carries_the_settings(kind, files, tmp_path):
    done = painted(files, tmp_path, replace(SMALL, steps="1"), kind=kind)
    assert done.path.suffix == f".{kind}"
    assert read_settings(done.path)[0] == done.order.settings


def test_what_is_missing_is_said():
    for content, styles, kind, words in (
        (None, ["b"], "png", "a photograph is missing"),
        ("a", [], "png", "a painting is missing"),
        ("a", ["b"], "gif", "kind must be one of png"),
    ):
        with pytest.raises(ValueError, match=words):
            painting.check_order(content, styles, kind)


def test_a_draft_is_refined_at_its_full_size_alone():
    found = painting.refined(settings_of(Controls()))
    assert found.optimization.init == "feedforward" and found.geometry.min_size is None
    assert found.optimization.steps == (painting.REFINE_STEPS,)


# Grids


def cells(files, tmp_path, axes, controls=SMALL):
    return grids.paint_grid(controls, axes, *files, tmp_path / "grid", Run())


@pytest.mark.parametrize(
    "axes",
    [
        grids.Axes("strength", (0.2, 0.9), "style_scale", (0.5, 1.0)),
        grids.Axes("alpha", (0.3, 3.0), "beta", (1.0, 20.0)),
    ],
    ids=["by scale", "by weight"],
)
def test_a_pictures_settings_make_it_again(axes, files, tmp_path):
    """Each of a grid is what its own controls paint."""
    found = cells(files, tmp_path, axes)
    assert len(found) == 4
    images = [np.asarray(load_image(cell.path)) for cell in found]
    assert not np.allclose(images[0], images[3], atol=0.02)
    for number in (1, 2):
        single = painted(files, tmp_path, found[number].controls)
        shown = np.asarray(load_image(single.shown))
        np.testing.assert_allclose(images[number], shown, atol=1e-6)
    rows, columns = axes.rows, axes.columns
    assert getattr(found[1].controls, rows) == axes.row_values[0]
    assert getattr(found[1].controls, columns) == axes.column_values[1]
    assert found[0].controls.how == ("strength" if rows == "strength" else "weight")


def test_axes_that_cannot_be_are_refused(files, tmp_path):
    with pytest.raises(ValueError, match="alpha needs one number"):
        grids.Axes("alpha", (), "beta", (1.0,))
    with pytest.raises(ValueError, match="beta needs one number or more, each only"):
        grids.Axes("alpha", (1.0,), "beta", (1.0, 1.0))
    many = tuple(map(float, range(1, 8)))
    with pytest.raises(ValueError, match="7 x 7 pictures are more than 36"):
        grids.Axes("alpha", many, "beta", many)
    with pytest.raises(ValueError, match="rows must be numbers such as"):
        grids.parse_axis("a", "rows")
    assert grids.parse_axis("1, 2.5", "rows") == (1.0, 2.5)
    axes = grids.Axes("strength", (0.5,), "style_scale", (1.0,))
    with pytest.raises(ValueError, match="equal parts; leave the shares"):
        cells(files, tmp_path, axes, replace(SMALL, style_mix="1"))
    one = Controls(preset="encoder-transformer", steps="0", init="feedforward")
    with pytest.raises(ValueError, match="one pass has no steps"):
        cells(files, tmp_path, axes, one)
