"""jaxnst stylize as people run it: pictures out, one line for what went wrong."""

import csv
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from networks import picture
from paths import REPOSITORY
from PIL import Image

import jaxnst
from jaxnst import Result, load_image, presets, save_image
from jaxnst.cli._timings import rows
from jaxnst.images import read_metadata
from scripts import driver, imported, write_network

SCRIPTS = REPOSITORY / "scripts"
INPUTS = ("c.png", "s.png")
WITH = ("--weights", "net.h5", "--size", "48")
FAST = (*INPUTS, *WITH, "--preset", "gram", "--steps", "2", "-o", "out.png")


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    write_network(folder / "net.h5", depth=13)
    write_network(folder / "vgg16.h5", architecture="vgg16", depth=1)
    save_image(folder / "c.png", picture(64, 96, 1))
    save_image(folder / "s.png", picture(40, 30, 2))
    save_image(folder / "t.png", picture(30, 40, 3))
    return folder


@pytest.fixture
def here(originals, tmp_path, monkeypatch) -> Path:
    """The working folder, with pictures c, s, t and weights net.h5."""
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "stylize")


@pytest.fixture
def drive(script, here, monkeypatch, capsys):
    """The script in this process: exit code, stdout, stderr."""
    return driver(script, monkeypatch, capsys)


@pytest.fixture
def calls(monkeypatch):
    """What the script asks `render` for; nothing is rendered."""
    asked = []

    def render(settings, network, content, styles, **options):
        asked.append((settings, content, styles, options["init"]))
        return Result(content, {"loss": np.ones(2)}, 2, True, 0.0, None)

    monkeypatch.setattr(jaxnst, "render", render)
    return asked


def pixels(path) -> np.ndarray:
    return np.asarray(load_image(path))


def test_writes_a_picture_with_its_settings(drive):
    code, out, error = drive(*FAST, "-o", "o.png", "--beta", "7", "--losses", "l.csv")
    assert code == 0 and out.startswith("o.png: 48 x 32 pixels, 2 steps")
    assert "error" not in error
    changed = np.abs(pixels("o.png") - load_image("c.png", size=(32, 48)))
    assert 0.005 < changed.mean() < 0.2
    stored = read_metadata("o.png")
    settings = stored["settings"]
    assert (stored["content"], stored["styles"]) == ("c.png", ["s.png"])
    assert (settings["terms"]["beta"], settings["geometry"]["size"]) == (7, 48)
    assert stored["weights"]["source"] == "random numbers"
    assert set(stored["sha256"]) == set(INPUTS) and stored["steps"] == 2
    with open("l.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    for name, value in stored["final"].items():
        assert np.float32(rows[-1][name]) == np.float32(value)


def test_numbered_pictures_over_several_levels(drive, here):
    steps = ("--coarsest", "24", "--steps", "3", "2", "--every", "2")
    code, out, _ = drive(*FAST[:-2], *steps, "-o", "o.png")
    assert code == 0 and "48 x 32 pixels, 5 steps" in out
    sizes = {path.name: pixels(path).shape[:2] for path in here.glob("o_*")}
    assert sizes == {"o_00002.png": (16, 24), "o_00004.png": (32, 48)}


@pytest.mark.parametrize("name", ["o.png", "o.jpg", "o.webp", "o.tif"])
def test_every_kind_of_output(name, drive, calls):
    assert drive(*FAST, "-o", name)[0] == 0
    expected = np.asarray(load_image("c.png", size=(32, 48)))
    assert np.abs(pixels(name) - expected).mean() < 0.02
    assert read_metadata(name)["settings"]["preset"] == "gram"


def test_quality(drive, calls):
    sizes = []
    for quality in (20, 95):
        assert drive(*FAST, "-o", "o.jpg", "--quality", quality)[0] == 0
        sizes.append(Path("o.jpg").stat().st_size)
    assert sizes[0] < sizes[1] - 500


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_animation_ends_in_the_picture(kind, drive):
    movie, rate = f"a.{kind}", ("--learning-rate", "0.2")
    assert drive(*FAST, *rate, "--animation", movie, "--plot", "p.png")[0] == 0
    away = []
    with Image.open(movie) as film:
        assert film.size == (48, 32) and film.n_frames >= 2
        for index in (0, film.n_frames - 1):
            film.seek(index)
            frame = np.asarray(film.convert("RGB")) / 255
            # WebP halves the colours' resolution: brightness alone.
            away.append(np.abs((frame - pixels("out.png")).mean(-1)).mean())
    assert away[1] < 0.8 * away[0]
    assert load_image("p.png").std() > 0.05


def test_several_styles_are_blended(drive):
    def run(*style_mix):
        drive("c.png", "s.png", "t.png", *FAST[2:], *style_mix)
        return pixels("out.png")

    first, equal = run("--blend", "1", "0"), run()
    drive(*FAST)
    alone = pixels("out.png")
    np.testing.assert_allclose(first, alone, atol=2 / 255)
    assert np.abs(equal - alone).max() > 3 / 255


def test_colors_of_the_photograph(drive):
    assert drive(*FAST, "--color", "content")[0] == 0
    photograph = np.asarray(load_image("c.png", size=(32, 48)))

    def chroma(image):
        return image - image.mean(-1, keepdims=True)

    kept = np.abs(chroma(pixels("out.png")) - chroma(photograph)).mean()
    drive(*FAST)
    painted = pixels("out.png")
    assert kept < 0.5 * np.abs(chroma(painted) - chroma(photograph)).mean()
    assert drive(*FAST, "--color", "match")[0] == 0
    assert np.abs(pixels("out.png") - painted).max() > 2 / 255


def test_noise_is_the_seeds(drive):
    def run(seed):
        assert drive(*FAST, "--init", "noise", "--seed", seed)[0] == 0
        return pixels("out.png")

    first = run(5)
    np.testing.assert_array_equal(first, run(5))
    assert np.abs(first - run(6)).mean() > 0.05


def test_style_scale_and_init_file(drive, calls):
    assert drive(*FAST, "--style-scale", "1.5", "--init", "t.png")[0] == 0
    settings, content, (style,), start = calls[0]
    assert content.shape == start.shape == (32, 48, 3) and style.shape == (72, 54, 3)
    np.testing.assert_array_equal(start, load_image("t.png", size=(32, 48)))
    assert "t.png" in read_metadata("out.png")["sha256"]


def test_from_makes_the_same_picture_again(drive):
    drive(*FAST, "-o", "o.png", "--init", "noise", "--seed", "3")
    code, _, error = drive("--from", "o.png", "-o", "again.png")
    assert code == 0 and "changed" not in error and "is not" not in error
    np.testing.assert_array_equal(pixels("o.png"), pixels("again.png"))
    drive("--from", "o.png", "-o", "other.png", "--seed", "4")
    assert np.abs(pixels("o.png") - pixels("other.png")).mean() > 0.05
    kept, other = (read_metadata(name)["settings"] for name in ("o.png", "other.png"))
    assert kept["optimization"].pop("seed") == 3
    assert other["optimization"].pop("seed") == 4
    assert kept == other


def test_from_takes_other_pictures(drive, calls):
    drive(*FAST, "-o", "o.png")
    code, _, error = drive("t.png", "s.png", "--from", "o.png", "-o", "t2.png")
    assert (code, error) == (0, "")
    assert read_metadata("t2.png")["content"] == "t.png"
    np.testing.assert_array_equal(calls[1][1], load_image("t.png", size=(36, 48)))


@pytest.mark.parametrize(
    "options, beta",
    [
        ((), 100),
        (("--more-style",), 200),
        (("--less-style",), 50),
        (("--style-factor", "3"), 300),
        (("--beta", "7", "--style-factor", "3"), 21),
    ],
)
def test_goes_on_from_a_picture(drive, calls, options, beta):
    drive(*FAST, "-o", "o.png", "--coarsest", "24")
    code, out, error = drive("--continue", "o.png", *options)
    assert (code, error) == (0, "") and out.startswith("o-continued.png: ")
    settings, content, _, start = calls[1]
    np.testing.assert_array_equal(start, load_image("o.png", size=content.shape[:2]))
    assert settings.geometry.levels() == (1.0,) and settings.terms.beta == beta
    assert settings.optimization.steps == (60,)
    assert drive("--continue", "o-continued.png", "--steps", "7", "-o", "p.png")[0] == 0
    assert calls[2][0].optimization.steps == (7,)
    assert Path("o-continued-continued.png").exists() is False


def test_more_style_is_nearer_to_the_painting(drive):
    drive(*FAST, "--steps", "40", "-o", "o.png")
    ends, small = [], ("--learning-rate", "0.005", "--steps", "100")
    for option in ("--less-style", "--more-style"):
        # In small steps, for those of 0.02 end in a noise that hides the difference.
        assert drive("--continue", "o.png", option, *small, "-o", "n.png")[0] == 0
        ends.append(read_metadata("n.png")["final"]["style"])
    assert ends[1] < 0.9 * ends[0]


def test_more_strength(drive, calls):
    drive(*FAST, "-o", "o.png", "--strength", "0.5")
    assert drive("--continue", "o.png", "--more-style", "-o", "n.png")[0] == 0
    assert calls[1][0].terms.strength == pytest.approx(0.65)
    assert calls[1][0].terms.beta == 100
    assert drive("--continue", "o.png", "--style-factor", "1e9", "-o", "n.png")[0] == 0
    assert calls[2][0].terms.strength == 1


def test_warns_of_what_changed_since(drive, calls, here):
    drive(*FAST, "-o", "o.png")
    assert drive("--from", "o.png")[2] == ""
    save_image("s.png", picture(40, 30, 9))
    code, _, error = drive("--from", "o.png")
    assert code == 0 and error.startswith("warning: s.png is not the picture")
    assert error.count("\n") == 1
    shutil.copy("t.png", "s.png")
    write_network(here / "net.h5", depth=13, seed=1)
    error = drive("c.png", "t.png", "--from", "o.png")[2]
    assert error.startswith("warning: the network's weights are not")
    assert error.count("\n") == 1


@pytest.mark.slow
def test_a_published_preset_on_the_network_that_is_named(drive, calls):
    """Its source of weights and its balance give way, in a line; not what is typed."""
    pair = ("c.png", "c.png", "--size", "48")
    lite = (*pair, "--network", "vgg19-lite", "--preset", "crowson")
    code, _, error = drive(*lite)
    assert code == 0, error
    said = "crowson in vgg19-lite: loss weights carried over to its features\n"
    assert error == said
    one = calls[-1][0].terms
    assert drive(*lite, "--beta", "1", "--tv", "7")[0] == 0  # 1 as in the preset
    typed = calls[-1][0].terms
    assert (typed.beta, typed.tv, typed.style_weights) == (1, 7, one.style_weights)
    assert drive(*lite, "--style-weights", *"12345")[0] == 0
    typed = calls[-1][0].terms
    assert typed.style_weights == (1, 2, 3, 4, 5) and typed.beta != 1
    assert drive(*lite, "--magnitude", "none")[2] == ""
    crowson = jaxnst.presets.get("crowson")
    assert calls[-1][0].terms == crowson.terms
    code, _, error = drive(*lite, "--weights", "torchvision")
    assert code == 1 and "vgg19-lite is built in, it has no source" in error


def test_from_a_picture_of_a_published_preset_is_the_same_run(drive, calls):
    assert drive(*INPUTS, *WITH, "--preset", "gatys2016", "-o", "o.png")[0] == 0
    code, _, error = drive("--from", "o.png")
    assert (code, error) == (0, "")  # nothing is carried over twice
    one, again = (call[0] for call in calls)
    assert again == one and one.terms != jaxnst.presets.get("gatys2016").terms
    assert (one.network, one.weights, one.magnitude) == ("vgg19", "net.h5", None)


def test_the_layers_of_a_preset_go_to_the_nearest_typed_ones_do_not(drive, calls, here):
    write_network(here / "narrow.h5", architecture="vgg16", width=2)
    line = (*INPUTS, "--weights", "narrow.h5", "--size", "48", "--preset", "default")
    code, _, error = drive(*line, "--content-layers", "relu4_2", "relu4_3")
    assert (code, error) == (0, "")
    code, _, error = drive(*line, "--content-layers", "relu4_2", "relu4_4")
    assert code == 1 and "'relu4_4' is not in this vgg16" in error
    assert "relu4_3, pool4" in error
    layers = jaxnst.presets.get("default").objective.content_layers
    deep = [name for name in layers if name not in ("relu4_1", "relu4_2", "relu5_1")]
    if "relu4_4" in deep:
        assert "relu4_3 for relu4_4" in drive(*line)[2]
        assert drive(*line, "--content-layers", *layers)[0] == 1  # typed, though equal


def test_options_change_a_preset(drive, calls):
    drive(*INPUTS, *WITH, "--preset", "crowson", "--tv", "3", "--steps", "4")
    settings = calls[0][0]
    crowson = jaxnst.presets.get("crowson")
    assert settings.preset == "crowson" and settings.objective == crowson.objective
    assert (settings.terms.alpha, settings.terms.tv) == (0.015, 3)
    assert (settings.geometry.size, settings.optimization.steps) == (48, (4,))
    assert settings.optimization.ema == 0.99


def test_other_layers_have_equal_weights(drive, calls):
    """A preset's layer weights belong to its own layers."""
    for given in ((), ("--style-layers", "relu1_1", "relu2_1")):
        as_it_is = ("--preset", "mel457", "--magnitude", "none")
        drive(*INPUTS, *WITH, *as_it_is, *given)
    own, other = (call[0].terms.style_weights for call in calls)
    assert own == (0.2,) * 5 and other is None


def test_another_optimizer_takes_its_own_rate(drive, calls):
    for given in ((), ("--learning-rate", "0.5"), ("--optimizer", "adam")):
        drive(*FAST, "--optimizer", "lbfgs", *given)
    own, asked, adam = (call[0].optimization for call in calls)
    assert (own.optimizer, own.learning_rate) == ("lbfgs", None)
    assert (asked.optimizer, asked.learning_rate) == ("lbfgs", 0.5)
    assert (adam.optimizer, adam.learning_rate) == ("adam", 0.02)
    drive(*INPUTS, *WITH, "--optimizer", "lbfgs")  # the default's rate falls
    assert presets.default.optimization.lr_decay > 0
    assert calls[-1][0].optimization.lr_decay == 0


OUT_OF_RANGE = [
    ((f"--{name}", value), 2, (name, "at least 0"))
    for name in ("alpha", "beta", "tv")
    for value in ("nan", "-1")
]
WRONG = [
    *OUT_OF_RANGE,
    (("--steps", "0"), 2, ("steps", "from 1")),
    (("--style-weights", "1", "2"), 2, ("2 numbers for 5 layers",)),
    (("--optimizer", "adm"), 2, ("adm", "adam", "lbfgs")),
    (("--nosuch", "1"), 2, ("--nosuch",)),
    (("--tv", "x"), 2, ("--tv", "'x'")),
    (("--style-layers", "relu9_1"), 1, ("relu9_1", "relu1_1", "relu5_1")),
    (("--network", "vgg18"), 1, ("vgg18", "vgg19")),
    (("--network", "vgg16"), 1, ("net.h5", "vgg19", "vgg16")),
    (
        ("--weights", "vgg16.h5", "--content-layers", "relu4_2"),
        1,
        ("relu4_2", "vgg16", "relu1_1"),
    ),
    (("--weights", "absent.h5"), 1, ("absent.h5", "does not exist")),
    (("--weights", "garbage.h5"), 1, ("garbage.h5",)),
    (("--weights", "caffe"), 1, ("caffe", "torchvision", "keras")),
    (("--init", "nois"), 1, ("nois", "content, noise, style")),
    (("--init", "garbage.png"), 1, ("garbage.png",)),
    (("--preset", "gatys"), 2, ("gatys", "gatys2016", "default")),
    (("-o", "c.png"), 1, ("c.png", "would be overwritten")),
    (("-o", "folder/../s.png"), 1, ("s.png", "would be overwritten")),
    (("--losses", "c.png"), 1, ("c.png", "would be overwritten")),
    (("--init", "t.png", "--plot", "t.png"), 1, ("t.png", "would be overwritten")),
    (("--losses", "l.txt"), 2, ("l.txt", ".csv")),
    (("--checkpoint", ""), 2, ("name of a file is empty",)),
    (("-o", "no/o.png"), 1, ("no/o.png", "mkdir")),
    (("-o", "folder"), 1, ("folder", "is a folder")),
    (("-o", "o.bmp"), 1, (".bmp", ".png", ".tif")),
    (("-o", "o.png", "--quality", "50"), 1, ("quality", "lossless")),
    (("-o", "o.jpg", "--quality", "0"), 1, ("quality", "1 to 100")),
    (("--plot", "p.txt"), 1, ("p.txt", ".svg")),
    (("--losses", "no/l.csv"), 1, ("no/l.csv",)),
    (("--animation", "a.mp4"), 1, (".mp4", ".gif")),
    (("--every", "0"), 2, ("--every",)),
    (("--blend", "1", "2"), 1, ("2 numbers for 1",)),
    (("--seed", "9" * 30), 2, ("error: seed must be",)),
    (("--from", "-"), 2, ("- is read more than once", "save it")),
    (("--from", "t.png"), 1, ("t.png", "no settings")),
    (("--continue", "t.png"), 1, ("t.png", "no settings")),
    (("--more-style",), 2, ("--continue PICTURE",)),
    (("--style-factor", "0"), 2, ("above 0",)),
    (("--more-style", "--less-style"), 2, ("exclude each other",)),
    (("--strength", "2"), 2, ("strength", "at most 1")),
    (("--from", "absent.png"), 1, ("absent.png",)),
]


def one_line(error: str) -> str:
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


@pytest.mark.parametrize(
    "extra, code, parts", WRONG, ids=[" ".join(w[0])[:40] for w in WRONG]
)
def test_wrong_options_are_one_line(extra, code, parts, drive, here):
    (here / "folder").mkdir()
    (here / "garbage.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90))
    (here / "garbage.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(90))
    before = sorted(here.rglob("*"))
    base = (*INPUTS, *WITH, "--steps", "2") if "--preset" in extra else FAST
    ended = drive(*base, *extra)
    assert ended[:2] == (code, "")
    for part in parts:
        assert part in one_line(ended[2])
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    "names, parts",
    [
        (("absent.png", "s.png"), ("absent.png", "no such file")),
        (("c.png", "absent.png"), ("absent.png", "no such file")),
        (("c.png", "net.h5"), ("net.h5", "picture")),
        (("c.png",), ("a photograph and a painting",)),
        ((), ("a photograph and a painting",)),
    ],
)
def test_wrong_pictures_are_one_line(names, parts, drive):
    ended = drive(*names, *FAST[2:])
    wanted = 2 if len(names) < 2 else 1
    assert ended[:2] == (wanted, "") and not Path("out.png").exists()
    for part in parts:
        assert part in one_line(ended[2])


@pytest.mark.parametrize(
    "stored",
    [
        {"content": "c.png"},
        {"settings": 3},
        {"settings": {"nosuch": 1}},
        {"settings": {"terms": {"alpha": "x"}}},
        {"settings": {"terms": {"alpha": 10**400}}},
        {"settings": {"terms": {"alpha": -1}}},
        {"settings": {"optimization": {"steps": 3}}},
        {"settings": {}},
        {"settings": {}, "content": "c.png", "styles": 3},
        {"settings": {}, "content": 3, "styles": ["s.png"]},
    ],
)
def test_damaged_settings_are_one_line(stored, drive):
    save_image("from.png", picture(8, 8), metadata=stored)
    code, out, error = drive("--from", "from.png")
    assert (code, out) == (1, "") and "from.png" in one_line(error)


def test_what_a_picture_was_made_from_can_be_named_anew(drive, calls, here):
    drive(*FAST, "-o", "o.png")
    (here / "s.png").rename(here / "moved.png")
    for name in ("--from", "--continue"):
        code, _, error = drive(name, "o.png", "-o", "again.png")
        assert code == 1 and "no s.png, of which o.png was made" in one_line(error)
        assert f"jaxnst PHOTO PAINTING {name} o.png" in error
        assert drive(name, "o.png", "c.png", "moved.png", "-o", "again.png")[0] == 0


def test_a_name_like_an_option_has_a_way_in(drive, here):
    (here / "s.png").rename(here / "-s.png")
    code, _, error = drive("c.png", "-s.png", *WITH)
    assert code == 2 and "did you mean ./-s.png?" in one_line(error)


def test_from_and_another_preset_exclude_each_other(drive, calls):
    drive(*FAST, "-o", "o.png")
    code, _, error = drive("--from", "o.png", "--preset", "crowson")
    assert code == 2 and "exclude" in one_line(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_may_not_be_written_to(drive, here):
    (here / "locked").mkdir(mode=0o500)
    code, _, error = drive(*FAST, "-o", "locked/o.png")
    assert code == 1 and "permission" in one_line(error)


def test_too_little_memory_is_one_line(drive, calls, monkeypatch):
    monkeypatch.setattr("jaxnst.optimize.memory.available_bytes", lambda: 1000)
    code, _, error = drive(*FAST)
    assert code == 1 and not calls
    assert "out of memory" in one_line(error) and "48 x 32" in error


def test_full_disk_leaves_the_old_picture(drive, calls, here, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    shutil.copy("t.png", "o.png")
    before = sorted(here.iterdir())
    monkeypatch.setattr(Path, "write_bytes", full)
    code, _, error = drive(*FAST, "-o", "o.png")
    assert code == 1 and "No space left" in one_line(error) and "o.png" in error
    assert Path("o.png").read_bytes() == Path("t.png").read_bytes()
    assert sorted(here.iterdir()) == before


def test_loss_that_is_not_finite_is_told(drive, monkeypatch):
    def render(settings, network, content, styles, **options):
        return Result(content, {"loss": jnp.array([1, jnp.nan])}, 2, False, 0.0, None)

    monkeypatch.setattr(jaxnst, "render", render)
    code, _, error = drive(*FAST)
    assert code == 1 and error.startswith("warning: the loss was not finite at step 2")
    assert read_metadata("out.png")["final"] == {"loss": None}


def test_debug_shows_where(drive):
    with pytest.raises(FileNotFoundError):
        drive("absent.png", *FAST[1:], "--debug")


def test_help_names_groups_options_and_presets(drive):
    code, out, error = drive("--help")
    assert (code, error) == (0, "")
    assert re.findall(r"^(\w+):$", out, re.MULTILINE) == [
        "pictures", "picture", "look", "run", "output", "help"
    ]  # fmt: skip
    options = ("--preset", "--from", "--every", "--style-scale", "--beta", "--init")
    # Long words are broken at their hyphens.
    text = re.sub(r"-\n\s+", "-", out)
    for word in (*options, *jaxnst.presets.NAMES, "PHOTO PAINTING", "--help-all"):
        assert word in text
    assert "--gram-normalize" not in out and "None" not in out
    code, everything, _ = drive("--help-all", "--preset", "crowson")
    for word in ("--gram-normalize", "--ema X", "exponential moving average", "[0.99]"):
        assert word in everything
    assert "objective: what is compared" in everything and "settings." not in everything


def test_former_spellings_are_read(drive):
    former = ("--coarsest", "24", "--average=0.9", "--fall", "0.5", "--no-carry")
    assert drive(*FAST, *former)[0] == 0
    stored = read_metadata("out.png")["settings"]
    assert stored["geometry"]["min_size"] == 24
    how = stored["optimization"]
    assert (how["ema"], how["lr_decay"]) == (0.9, 0.5)
    assert how["keep_optimizer_state"] is False


def test_a_misspelt_option_is_recognised(drive):
    code, out, error = drive(*FAST, "--stpes", "3")
    assert (code, out) == (2, "") and "did you mean --steps?" in one_line(error)


def test_without_an_output_it_lies_beside_the_photograph(drive):
    for name in ("c__s.png", "c__s-2.png"):  # nothing is overwritten
        code, out, _ = drive(*FAST[:-2])
        assert code == 0 and out.startswith(f"{name}: ") and Path(name).exists()


def test_json_is_one_object_and_quiet_says_nothing(drive):
    code, out, error = drive(*FAST, "--json")
    found = json.loads(out)
    assert code == 0 and out.count("\n") == 1 and "out.png: 48 x 32" in error
    assert found["output"] == "out.png" and found["styles"] == ["s.png"]
    assert (found["width"], found["height"], found["steps"]) == (48, 32, 2)
    assert found["losses"]["loss"] > 0 and found["seconds"] > 0
    assert drive(*FAST, "--quiet") == (0, "", "")


def test_timings_are_a_table_or_an_object_whose_sum_is_the_whole(drive):
    code, out, error = drive(*FAST, "--timings", "--json")
    times = json.loads(out)["timings"]
    assert code == 0 and "phase" not in error
    assert list(times) == ["import", "weights", "pictures", "start", "levels", "write",
                           "other", "total", "compilation"]  # fmt: skip
    assert times["total"] == pytest.approx(sum(s for _, s in rows(times)))
    assert times["other"] < 0.1 * times["total"] + 0.1
    (level,) = times["levels"]
    assert (level["height"], level["width"], level["count"]) == (32, 48, 2)
    assert min(level["targets"], level["steps"], times["weights"]) > 0
    code, out, error = drive(*FAST, "--timings")
    assert code == 0 and out.startswith("out.png: 48 x 32")
    assert re.search(r"^level 1: compile +\d+\.\d\d +\d+%$", error, re.M)
    assert re.search(r"^total +\d+\.\d\d +100%$", error, re.M)
    assert drive(*FAST, "--timings", "--quiet") == (0, "", "")


def test_none_takes_a_presets_value_back(drive):
    options = ("--preset", "crowson", "--ema", "none", "--min-size", "None")
    assert drive(*FAST, *options, "--style-weights", "none")[0] == 0
    stored = read_metadata("out.png")["settings"]
    assert stored["optimization"]["ema"] is stored["geometry"]["min_size"] is None
    assert stored["terms"]["style_weights"] is None
    code, _, error = drive(*FAST, "--ema", "much")
    assert code == 2 and "invalid float value: 'much'" in one_line(error)


@pytest.mark.parametrize(
    "line, message",
    [
        (("c.png", "--steps", "3", "s.xyz"), "pictures stand before options"),
        ((*INPUTS, "-o", "-", "--json"), "not both"),
    ],
)
def test_what_people_mistype(line, message, drive):
    code, out, error = drive(*line)
    assert code != 0 and out == "" and message in one_line(error)


def test_empty_or_strange_standard_input(here):
    for data, message in ((b"", "is empty"), (b"no picture", "read standard input")):
        command = [sys.executable, "-m", "jaxnst", "-", "s.png", *FAST[2:]]
        done = subprocess.run(command, input=data, capture_output=True, timeout=120)
        error = one_line(done.stderr.decode())
        assert done.returncode == 1 and message in error and "stream-" not in error


def test_standard_input_and_output(here):
    command = [sys.executable, "-m", "jaxnst", "-", "s.png", *FAST[2:-1], "-"]
    done = subprocess.run(
        command, input=Path("c.png").read_bytes(), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    Path("piped.png").write_bytes(done.stdout)
    stored = read_metadata("piped.png")
    assert stored["content"] == "-" and set(stored["sha256"]) == {"-", "s.png"}
    assert pixels("piped.png").shape == (32, 48, 3) and not Path("-").exists()


def test_second_interrupt_ends_at_once(drive, monkeypatch):
    def render(*arguments, **options):
        signal.raise_signal(signal.SIGINT)
        reached.append("first")
        signal.raise_signal(signal.SIGINT)
        reached.append("second")

    reached, handler = [], signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(jaxnst, "render", render)
    code, _, error = drive(*FAST)
    assert code == 130 and reached == ["first"] and not Path("out.png").exists()
    first, second = error.splitlines()
    assert "Ctrl-C again" in first and second == "error: interrupted"
    assert signal.getsignal(signal.SIGINT) is handler


def test_process_ends_with_code_and_line(here):
    done = subprocess.run(
        [sys.executable, SCRIPTS / "stylize.py", "absent.png", *FAST[1:]],
        env=os.environ | {"XDG_CACHE_HOME": str(here), "HOME": str(here)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "absent.png" in one_line(done.stderr)


@pytest.mark.slow
def test_interrupt_keeps_the_picture(here):
    """In a process of its own: Ctrl-C as the terminal sends it."""
    shallow = ("--content-layers", "relu2_1", "--style-layers", "relu1_1")
    arguments = (*FAST, "--steps", "1000000", *shallow, "--every", "5", "-o", "o.png")
    process = subprocess.Popen(
        [sys.executable, SCRIPTS / "stylize.py", *arguments],
        env=os.environ | {"XDG_CACHE_HOME": str(here), "HOME": str(here)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until = time.monotonic() + 100
        while not Path("o_00010.png").exists() and process.poll() is None:
            assert time.monotonic() < until, "no progress"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, error
    assert "interrupted after" in error and "of 1000000 steps; kept in o.png" in error
    assert "Traceback" not in error and out.startswith("o.png: 48 x 32 pixels")
    assert pixels("o.png").shape == (32, 48, 3)
    steps = read_metadata("o.png")["steps"]
    assert steps >= 10 and f"interrupted after {steps} of" in error
    assert not list(here.glob("*.part*"))
