"""scripts/measure/compare_networks.py: painted once, judged, compared."""

import csv
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from networks import picture

import jaxnst
from jaxnst import Result, load_image, metrics, presets, save_image
from jaxnst.pipeline.inputs import load_for_judge
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")

BETA = presets.default.terms.beta


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "compare_networks")


@pytest.fixture
def painted(monkeypatch):
    """What was painted; a painting is half photograph, the more the lower the beta."""
    asked = []

    def render(settings, network, content, styles, *, decoder, init):
        asked.append((network.source, settings.terms.beta, settings.geometry.size))
        share = 1 / (1 + settings.terms.beta / 10)
        noise = picture(*content.shape[:2], seed=len(network.source))
        image = share * content + (1 - share) * noise
        return Result(image, {"loss": np.ones(1)}, 1, True, 0.0, None)

    monkeypatch.setattr(jaxnst, "render", render)
    return asked


@pytest.fixture
def drive(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder, names in (("photos", "ab"), ("paintings", "xyz")):
        Path(folder).mkdir()
        for seed, name in enumerate(names):
            save_image(f"{folder}/{name}.png", picture(40, 48, seed + len(names)))
    write_network(Path("one.h5"), "one", depth=13)
    write_network(Path("second.h5"), "second", depth=13, seed=3)
    write_network(Path("judge.h5"), depth=7, width=4, seed=9)
    write_network(Path("other.h5"), architecture="vgg16", depth=7, width=4, seed=8)
    run = driver(script, monkeypatch, capsys)
    given = ("--contents", "photos", "--styles", "paintings", "--judge")
    given += ("judge.h5", "other.h5")

    def drive(*networks, options=()):
        return run(*given, "--networks", *networks, "-o", "out", *options)

    return drive


@pytest.mark.slow
def test_every_pair_in_every_network(drive, painted, tmp_path):
    code, out, error = drive("one.h5", "second.h5", "random")
    assert (code, error) == (0, "")
    counts = {key: painted.count(key) for key in set(painted)}
    assert counts == {
        ("one", BETA, 384): 6,
        ("second", BETA, 384): 6,
        ("random", BETA, 384): 6,
        ("one", 4.0, 384): 6,
    }
    with open("out/scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 24
    image = load_image("out/second/b_y.png")
    pair = load_for_judge("photos/b.png", "paintings/y.png")
    keys = "judge", "network", "photograph", "painting"
    for judge in ("judge", "other"):
        wanted = judge, "second", "b", "y"
        (row,) = (r for r in rows if tuple(map(r.get, keys)) == wanted)
        network = jaxnst.load_network(f"{judge}.h5")
        for name, value in metrics.judge(network, image, *pair)._asdict().items():
            np.testing.assert_allclose(float(row[name]), value, rtol=1e-3)
    names = sorted(path.name for path in Path("out").glob("sheet_*.png"))
    assert names == ["sheet_a.png", "sheet_b.png"]
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    labels = [line.split("|")[1].strip() for line in lines[2:]]
    assert labels == ["one", "second", "random", "one, beta 4"]


@pytest.mark.slow
def test_what_is_painted_already_is_kept(drive, painted):
    assert drive("one.h5", "second.h5")[0] == 0
    before, scores = len(painted), Path("out/scores.csv").read_bytes()
    Path("out/second/a_x.png").unlink()
    assert drive("one.h5", "second.h5")[0] == 0
    assert painted[before:] == [("second", BETA, 384)]
    assert Path("out/scores.csv").read_bytes() == scores
    before = len(painted)
    assert drive("one.h5", "second.h5", options=("--size", "64"))[0] == 0
    assert len(painted) == before + 18  # of another size, another picture


def test_the_other_beta_is_another(drive, painted):
    options = ("--other-beta", str(BETA))
    code, _, error = drive("one.h5", "second.h5", options=options)
    assert code == 1 and not painted
    assert f"--other-beta is {BETA:g} as in the preset" in error


def test_style_is_compared_at_equal_content(script, capsys):
    def scores(style, content):
        return {
            pair: metrics.Scores(*map(jnp.float32, (s, c, s + c / 2)))
            for pair, (s, c) in enumerate(zip(style, content, strict=True))
        }

    table = {
        "lite": scores((0.5, 0.5, 0.8), (0.8, 0.6, 0.7)),
        "reference": scores((0.5, 0.4, 0.4), (0.7, 0.6, 0.7)),
        "lite, beta 9": scores((0.4, 0.4, 0.7), (1.0, 0.8, 0.9)),
    }
    exchanged = {
        label: {
            pair: metrics.Scores(s.content, s.style, s.q) for pair, s in row.items()
        }
        for label, row in table.items()
    }
    script.print_table({"one": table, "other": exchanged})
    out = capsys.readouterr().out
    # 0.1 of style for 0.2 of content: the first would be at 0.5 + 0.5 · 0.1 = 0.55.
    assert "one: one more of content buys 0.500 less of style" in out
    assert "other: one more of content buys 2.000 less of style" in out
    ratios = sorted([0.55 / 0.5, 0.5 / 0.4, 0.8 / 0.4])
    more = np.array([0.90, 0.80, 1.15]) - [0.85, 0.70, 0.75]
    error = more.std(ddof=1) / 3**0.5
    apart = f"{more.mean():+.3f} ± {error:.3f} | {np.median(more):+.3f}"
    lite = f"0.600 | 0.700 | 0.950 | {apart} | {ratios[1]:.3f} |"
    assert f"| lite | {lite} 0.700 | 0.600 | 0.950 | {apart} | " in out
    level = "+0.000 ± 0.000 | +0.000"
    assert f"| reference | 0.433 | 0.667 | 0.767 | {level} | 1.000 |" in out


def test_random_has_the_shape_of_the_first(script, tmp_path):
    write_network(tmp_path / "one.h5", "one", depth=5, width=4)
    label, first = script.named_network(str(tmp_path / "one.h5"), None)
    assert (label, first.source) == ("one", "one")
    label, network = script.named_network("random", first)
    assert label == "random" and network.module == first.module
    again = script.named_network("random", first)[1]
    for name, part in network.params.items():
        assert part["kernel"].shape == first.params[name]["kernel"].shape
        assert np.abs(part["kernel"] - first.params[name]["kernel"]).max() > 0.1
        np.testing.assert_array_equal(part["kernel"], again.params[name]["kernel"])
    assert replace(network, params=first.params).layers == first.layers


def test_mistakes(drive, painted):
    assert "two networks or more" in drive("one.h5")[2]
    assert "first network; name one" in drive("random", "one.h5")[2]
    assert "absent" in drive("one.h5", "absent")[2]
    assert not painted
