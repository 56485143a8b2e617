"""A grid as a page and as a table."""

import csv

import numpy as np
from networks import picture
from pages import (
    NASTY,
    Seen,
    asks_for_nothing,
    decoded,
    grid,
    grid_page,
    nothing_escaped,
)

from jaxnst.reports import grid_report

FILES = ["alpha1_beta1.png", "alpha1_beta2.png", "alpha3_beta1.png", "alpha3_beta2.png"]


def test_every_picture_is_in_it_small_and_whole():
    shown = grid(size=(400, 300))
    seen = Seen(grid_page(shown))
    buttons = [b for b in seen.elements["button"] if "data-file" in b]
    assert [b["data-file"] for b in buttons] == FILES
    assert buttons[1]["data-details"] == "style 0.5, content 0.5"
    names = [image["alt"] for image in seen.elements["img"][:4]]
    assert names[1] == "alpha 1, beta 2"
    for index, button in enumerate(buttons):
        small, whole = seen.elements["img"][index]["src"], button["data-picture"]
        assert decoded(small).shape == (320, 240, 3)
        wanted = shown.result.image[divmod(index, 2)]
        assert decoded(whole).shape == wanted.shape
        assert np.abs(decoded(whole) - wanted).mean() < 0.05


def test_the_suggested_one_is_marked():
    text = grid_page(grid(suggested=(1, 0)))
    before, marked, after = text.partition('<td class="marked">')
    cell = after.partition("</td>")[0]
    assert 'data-file="alpha3_beta1.png"' in cell
    assert "<figcaption>suggested</figcaption>" in cell
    assert text.count("<figcaption>suggested</figcaption>") == 1
    assert "Suggested to look at first: alpha 3, beta 1 (framed)" in text


def test_photograph_and_paintings_are_shown_beside_every_picture():
    styles = [picture(30, 30, 5), picture(20, 40, 6)]
    text = grid_page(grid(), styles=styles)
    sources = Seen(text.partition("<template>")[2].partition("</template>")[0])
    assert [i["alt"] for i in sources.elements["img"]] == [
        "photograph",
        "painting",
        "painting",
    ]
    last = decoded(sources.elements["img"][-1]["src"])
    assert np.abs(last - styles[1]).mean() < 0.05


def test_settings_and_plots_are_in_it():
    text = grid_page(grid())
    assert "<th scope=row>network</th><td>vgg19-lite</td>" in text
    assert "style against content (loss)" in text and text.count("<svg") == 2
    assert "style against content (distance, as judged)" in grid_page(grid(judged=True))


def test_it_asks_for_nothing_from_elsewhere():
    assert asks_for_nothing(grid_page(grid()))
    assert not asks_for_nothing(grid_page(grid()) + '<img src="http://a/b.png">')


def test_text_from_outside_stays_text():
    assert nothing_escaped(grid_page(grid(), title=NASTY, facts=[(NASTY, NASTY)]))
    assert not nothing_escaped(grid_page(grid()) + NASTY)


def test_results_have_a_row_for_each_picture(tmp_path):
    shown = grid()
    shown.result.finite[0, 1] = False
    shown.content[0, 1] = np.nan
    grid_report.write_results(tmp_path / "r.csv", shown)
    with open(tmp_path / "r.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == FILES
    assert [row["finite"] for row in rows] == ["True", "False", "True", "True"]
    assert [row["suggested"] for row in rows] == ["False", "False", "True", "False"]
    assert rows[1] | {"loss": ""} == {
        "file": "alpha1_beta2.png",
        "alpha": "1",
        "beta": "2",
        "finite": "False",
        "suggested": "False",
        "content distance": "nan",
        "style distance": "0.5",
        "loss": "",
    }
    assert float(rows[3]["loss"]) == shown.result.trace["loss"][1, 1, -1] == 4
