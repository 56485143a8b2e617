"""A report in a real browser: it fits, and shows pictures whole on a click."""

import re

import pytest
from pages import CHROMIUM, after, browse, report_page

from jaxnst import load_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs Chromium, which is not installed"
    ),
]


def test_a_click_shows_a_picture_and_arrows_go_on(tmp_path):
    key = 'new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true})'
    click = "document.querySelectorAll('.pictures button')[1].click();"
    shown = after(report_page(), click, tmp_path)
    assert re.search(r"<dialog[^>]* open", shown)
    assert '<strong id="label">second, b</strong>' in shown
    script = f"""{click}
        document.querySelector("dialog").dispatchEvent({key});
        document.querySelector("dialog").dispatchEvent({key});"""
    shown = after(report_page(), script, tmp_path)
    assert '<strong id="label">first, a</strong>' in shown  # round the corner
    script += 'document.querySelector(".close").click();'
    assert not re.search(r"<dialog[^>]* open", after(report_page(), script, tmp_path))


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desk(width, tmp_path):
    script = "document.title = document.documentElement.scrollWidth + ' ' + innerWidth;"
    shown = after(report_page(), script, tmp_path, f"--window-size={width},900")
    scroll, inner = map(int, re.search(r"<title>(\d+) (\d+)", shown).groups())
    assert scroll <= inner


def test_nothing_goes_wrong_in_its_script_and_it_is_drawn(tmp_path):
    head = "<script>onerror = (e) => { document.documentElement.id = 'broken'; };"
    text = report_page().replace("<style>", f"{head}</script><style>")
    assert 'id="broken"' not in after(text, "", tmp_path)
    path, out = tmp_path / "page.html", tmp_path / "shot.png"
    path.write_text(text)
    browse(path, tmp_path, f"--screenshot={out}", "--window-size=1280,900")
    assert load_image(out).std() > 0.05
