"""What the compare scripts share: several judges of pictures that are painted once."""

import csv
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

import jaxnst
from jaxnst import Result, load_image, load_network, metrics, save_image
from jaxnst.metrics import Scores
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import load_for_judge
from scripts import imported, write_network

PAIRS = [(Path("a.png"), Path("x.png")), (Path("b.png"), Path("x.png"))]


class Painted(NamedTuple):
    """What paints a square at once."""

    label: str
    description = {"painted": True}

    def paint(self, pair):
        return picture(48, 48)


@pytest.fixture(scope="module")
def compare():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "_compare")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Pictures and two judges, who look at small scales."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metrics, "SCALES", (32,))
    for seed, name in enumerate("abx"):
        save_image(f"{name}.png", picture(40, 48, seed))
    write_network(Path("one.h5"), depth=7, width=4, seed=9)
    write_network(Path("other.h5"), architecture="vgg16", depth=7, seed=8)


@pytest.mark.slow
def test_every_judge_sees_what_is_painted_once(compare, here, monkeypatch):
    painted = []

    def render(settings, network, content, styles, *, decoder, init):
        painted.append(settings.terms.beta)
        image = (content + picture(*content.shape[:2], seed=7)) / 2
        return Result(image, {"loss": np.ones(1)}, 1, True, 0.0, None)

    monkeypatch.setattr(jaxnst, "render", render)
    network = narrow_network(depth=13)
    settings = compare.with_size(presets.default, 48)
    candidates = [
        compare.Candidate("plain", network, settings),
        compare.Candidate("beta 9", network, compare.with_other_beta(settings, 9.0)),
    ]
    judges = compare.judges_for(["one.h5", "other.h5"], [network])
    tables = compare.score(candidates, PAIRS, judges, Path("out"))
    assert sorted(painted) == sorted(2 * [9.0, settings.terms.beta])
    compare.write_scores(Path("scores.csv"), tables, "way")
    with open("scores.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == "judge way photograph painting style content q".split()
    assert [row[:4] for row in rows] == [
        [judge, label, photograph, "x"]
        for judge in ("one", "other")
        for label in ("plain", "beta 9")
        for photograph in "ab"
    ]
    image = load_image("out/beta 9/b_x.png")
    pair = load_for_judge("b.png", "x.png")
    for judge, row in (("one", rows[3]), ("other", rows[7])):
        said = metrics.judge(load_network(f"{judge}.h5"), image, *pair)
        np.testing.assert_allclose(np.float64(row[4:]), said, rtol=1e-3)
    assert abs(float(rows[3][4]) - float(rows[7][4])) > 0.05  # two opinions


def test_many_pictures_of_one_pair_stand_in_rows(compare, here):
    def sheet(count, pairs):
        candidates = [Painted(str(number)) for number in range(count)]
        compare.save_sheet(Path("out/sheet.png"), candidates, pairs)
        return [round(side / 300) for side in load_image("out/sheet.png").shape[:2]]

    Path("out").mkdir()
    assert sheet(4, PAIRS[:1]) == [1, 6]  # with the photograph and the painting
    assert sheet(9, PAIRS[:1]) == [3, 4]
    assert sheet(9, PAIRS) == [2, 11]


def test_who_may_not_judge(compare, here):
    made_with = compare.load_judges(["other.h5"]).values()
    assert list(compare.judges_for(["one.h5"], made_with)) == ["one"]
    with pytest.raises(ValueError, match="other cannot judge.*give another --judge"):
        compare.judges_for(["one.h5", "other.h5"], made_with)
    with pytest.raises(ValueError, match="two judges are called one"):
        compare.judges_for(["one.h5", str(Path("one.h5").absolute())], [])


def test_columns_for_each_judge(compare, capsys):
    compare.print_head(["way"], ["first", "second"], last=["seconds"])
    head, line = capsys.readouterr().out.splitlines()
    expected = "| way | first: style | content | Q | second: style | content | Q "
    assert head == expected + "| seconds |"
    assert line.count("---") == 8
    numbers = Scores(*map(jnp.float32, (0.5, 0.75, 0.875)))
    assert compare.format_cells(numbers) == "0.500 | 0.750 | 0.875"
