"""A study goes on when its pictures are gone, and overwrites none of them."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import narrow_network, picture
from PIL import Image

from jaxnst import load_image, save_image
from jaxnst._files import sha256
from jaxnst.reports.grid_report import Sources
from jaxnst.study import StudyOptions, results, run_study
from jaxnst.study.pictures import write_pictures
from jaxnst.study.plan import Candidate, Pair, choose_layers
from jaxnst.study.runs import Grid
from scripts import write_network


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(40, 48, 1))
    save_image("s.png", picture(40, 48, 2))
    return tmp_path


def test_the_pictures_may_go_while_it_goes_on(here):
    digests = sha256(Path("c.png")), sha256(Path("s.png"))
    with Pair.copied(Path("c.png"), Path("s.png"), Path("out")) as pair:
        Path("c.png").unlink()
        shutil.copy(pair.files[0], "s.png")  # another picture under its name
        network = narrow_network(depth=13)
        options = StudyOptions(size=48, networks=("x",))
        content, (style,) = pair.load(options.settings(), network)
        np.testing.assert_allclose(content, picture(40, 48, 1), atol=0.01)
        np.testing.assert_allclose(style, picture(40, 48, 2), atol=0.01)
        assert pair.digests == digests
        made = pair.cached("x", network, options.settings(), [], lambda: {})
    assert made == {} and not pair.files[0].exists()
    np.testing.assert_allclose(pair.shown[1].mean(), picture(40, 48, 2).mean(), 0.01)


def test_what_the_photograph_says_of_itself_is_carried_or_not(here):
    exif = Image.Exif()
    exif[0x013B] = "A. Nobody"
    Image.open("c.png").save("c.png", exif=exif)
    paths = Path("c.png"), Path("s.png"), Path("out")
    with Pair.copied(*paths) as pair:
        assert pair.like.carried is not None
        Path("c.png").rename("elsewhere.png")  # it is what was read
    Path("elsewhere.png").rename("c.png")
    with Pair.copied(*paths, keep_metadata=False) as pair:
        assert pair.like.carried is None
    names = ["c.png", "s.png"]
    for kept in (True, False):
        sources = Sources.of(paths[:2], names, keep_metadata=kept)
        assert (sources.like.carried is not None) == kept


@pytest.mark.parametrize(
    "name",
    ["out/report.html", "out/steps.png", "out/pictures/x.png", "out/kept/a/b.png"],
)
def test_inputs_are_not_overwritten(name, here, monkeypatch):
    monkeypatch.setattr(results, "available_networks", lambda _: pytest.fail("begun"))
    Path(name).parent.mkdir(parents=True)
    Path(name).write_bytes(Path("c.png").read_bytes())
    for pair in ((name, "s.png"), ("c.png", name)):
        with pytest.raises(ValueError, match="would be overwritten|lies in out"):
            run_study(*pair, "out")
    assert Path(name).read_bytes() == Path("c.png").read_bytes()


def test_a_judge_that_cannot_judge_is_refused_at_the_start(here):
    write_network(Path("net.h5"), depth=7)
    write_network(Path("shallow.h5"), depth=2)
    options = StudyOptions(
        networks=("net.h5",), judge=("shallow.h5",), size=48, style_layers=("2",)
    )
    with pytest.raises(ValueError, match="'relu2_1' is not in this vgg19"):
        run_study("c.png", "s.png", "out", options)
    assert not Path("out").exists()


def test_values_that_look_the_same_and_long_names_have_files_of_their_own(here):
    network = narrow_network(depth=7)
    candidate = Candidate("n" * 240, network, choose_layers(network, ["2"]))
    options = StudyOptions(
        beta=(1.0000001, 1.0000002), networks=("x",), starts=("content",), size=48
    )
    with Pair.copied(Path("c.png"), Path("s.png"), Path("out")) as pair:
        plan = options.plan(pair)
        mask = np.ones((1, len(plan.alphas), len(plan.betas)), bool)
        images = np.zeros((1, *mask.shape, 8, 8, 3), np.float32)
        numbers = np.ones((1, *mask.shape))
        Path("out").mkdir()
        grid = Grid(mask, images, numbers, numbers)
        write_pictures(candidate, options.settings(), grid, plan)
        short = replace(candidate, label="net")
        write_pictures(short, options.settings(), grid, plan)
    names = sorted(path.name for path in Path("out/pictures").iterdir())
    count = mask.size
    assert len(names) == 2 * count and load_image(f"out/pictures/{names[0]}").ndim == 3
    assert sum("beta1.0000002" in name for name in names) == 1
