"""The report page in a real browser: it opens, fits, and shows pictures on a click."""

import re

import pytest
from networks import picture
from pages import CHROMIUM, after, browse, grid_page

from jaxnst import load_image
from jaxnst.reports import grid_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs Chromium, which is not installed"
    ),
]


@pytest.fixture(scope="module")
def text() -> str:
    entries = [
        [
            grid_report.Entry(
                f"alpha {a}, beta {b}",
                picture(80, 120, 10 * a + b),
                {"style": 0.5, "content": 0.25 * b},
                f"alpha{a}_beta{b}.png",
            )
            for b in range(1, 5)
        ]
        for a in range(1, 4)
    ]
    return grid_page(
        entries,
        row_labels=[f"alpha {a}" for a in range(1, 4)],
        column_labels=[f"beta {b}" for b in range(1, 5)],
    )


def test_a_click_shows_the_picture_beside_its_sources(text, tmp_path):
    click = "document.querySelector(\"[data-file='alpha2_beta3.png']\").click();"
    shown = after(text, click, tmp_path)
    assert re.search(r"<dialog[^>]* open", shown)
    assert '<strong id="label">alpha 2, beta 3</strong>' in shown
    assert '<span id="numbers">style 0.5, content 0.75</span>' in shown
    assert 'id="picture" alt="alpha 2, beta 3" src="data:image/jpeg' in shown
    assert not re.search(r"<dialog[^>]* open", after(text, "", tmp_path))


def test_arrow_keys_go_on_and_close_closes(text, tmp_path):
    key = 'new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true})'
    script = f"""
        document.querySelector("[data-file]").click();
        document.querySelector("dialog").dispatchEvent({key});"""
    shown = after(text, script, tmp_path)
    assert '<strong id="label">alpha 3, beta 4</strong>' in shown  # round the corner
    script += 'document.querySelector(".close").click();'
    assert not re.search(r"<dialog[^>]* open", after(text, script, tmp_path))


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desk(width, text, tmp_path):
    script = "document.title = document.documentElement.scrollWidth + ' ' + innerWidth;"
    shown = after(text, script, tmp_path, f"--window-size={width},900")
    scroll, inner = map(int, re.search(r"<title>(\d+) (\d+)", shown).groups())
    assert scroll <= inner


def test_nothing_goes_wrong_in_its_script(text, tmp_path):
    head = "<script>onerror = (e) => { document.documentElement.id = 'broken'; };"
    shown = after(text.replace("<style>", f"{head}</script><style>"), "", tmp_path)
    assert 'id="broken"' not in shown


def test_it_is_drawn(text, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(text)
    out = tmp_path / "shot.png"
    browse(path, tmp_path, f"--screenshot={out}", "--window-size=1280,900")
    assert load_image(out).std() > 0.05
