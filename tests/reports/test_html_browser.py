"""Reports in a real browser: they fit, and show pictures whole on a click."""

import re

import pytest
from pages import (
    CHROMIUM,
    after,
    browse,
    framed,
    grid,
    grid_page,
    report_page,
    with_script,
)

from jaxnst import load_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs Chromium, which is not installed"
    ),
]

PAGES = {
    "report": report_page,
    "grid": lambda: grid_page(
        grid((1.0, 2.0, 3.0), (1.0, 2.0, 3.0, 4.0), size=(240, 360))
    ),
}
OPEN = re.compile(r"<dialog[^>]* open")
CLICK = "document.querySelectorAll('.pictures button')[{}].click();"
KEY = """document.querySelector("dialog").dispatchEvent(
    new KeyboardEvent("keydown", {{key: "{}", bubbles: true}}));"""


@pytest.fixture(scope="module", params=PAGES)
def text(request):
    return PAGES[request.param]()


def label(page):
    return re.search(r'<strong id="label">(.*?)</strong>', page)[1]


def dialog(page):
    return page[page.index("<dialog") : page.index("</dialog>")]


def test_a_click_shows_a_picture_with_its_text(tmp_path):
    shown = dialog(after(report_page(), CLICK.format(1), tmp_path))
    assert OPEN.search(shown) and label(shown) == "second, left, b"
    assert '<span id="details">style 0.5</span>' in shown
    assert '<figcaption id="file">b.png</figcaption>' in shown
    assert 'id="picture" alt="second, left, b" src="data:image/jpeg' in shown
    assert '<div id="sources"></div>' in shown
    assert not OPEN.search(after(report_page(), "", tmp_path))


def test_text_of_one_picture_does_not_stay_for_the_next(tmp_path):
    script = CLICK.format(1) + KEY.format("ArrowRight")
    shown = dialog(after(report_page(), script, tmp_path))
    assert label(shown) == "second, right"
    assert '<span id="details"></span>' in shown
    assert '<figcaption id="file"></figcaption>' in shown


def test_a_click_on_a_thumbnail_shows_the_whole_picture_beside_its_sources(tmp_path):
    script = (
        CLICK.format(6)
        + """
        const images = [...document.querySelectorAll("dialog img")];
        Promise.all(images.map((image) => image.decode())).then(() => {
            document.title = images.map((i) => `${i.alt} ${i.naturalWidth}`).join("; ");
        });"""
    )
    page = after(PAGES["grid"](), script, tmp_path)
    title = re.search("<title>(.*?)</title>", page)[1]
    assert title == "alpha 2, beta 3 360; photograph 60; painting 30"
    shown = dialog(page)
    assert '<span id="details">style 1.5, content 0.75</span>' in shown
    assert '<figcaption id="file">alpha2_beta3.png</figcaption>' in shown


@pytest.mark.parametrize(
    "script, name",
    [
        (KEY.format("ArrowRight"), "alpha 1, beta 2"),
        (KEY.format("ArrowLeft"), "alpha 3, beta 4"),  # round the corner
        (KEY.format("ArrowUp"), "alpha 1, beta 1"),
        ("document.querySelector('[data-step=\"-1\"]').click();", "alpha 3, beta 4"),
        ("document.querySelector('[data-step=\"1\"]').click();", "alpha 1, beta 2"),
    ],
)
def test_keys_and_buttons_go_on(script, name, tmp_path):
    page = after(PAGES["grid"](), CLICK.format(0) + script, tmp_path)
    assert OPEN.search(page) and label(page) == name


@pytest.mark.parametrize(
    "script",
    [
        "document.querySelector('.close').click();",
        "document.querySelector('dialog').click();",  # as the backdrop is clicked
    ],
)
def test_it_closes(script, tmp_path):
    modal = "document.title = document.querySelector('dialog').matches(':modal');"
    page = after(report_page(), CLICK.format(0) + modal + script, tmp_path)
    assert "<title>true</title>" in page  # so Escape closes it, too
    assert not OPEN.search(page)


@pytest.mark.parametrize("click", ["", CLICK.format(0)])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desk(width, click, text, tmp_path):
    script = """
        parent.document.title = [innerWidth, document.documentElement.scrollWidth,
            dialog.scrollWidth, dialog.clientWidth].join(" ");"""
    page = framed(with_script(text, click + script), width)
    shown = after(page, "", tmp_path, "--window-size=1300,900")
    numbers = re.search(r"<title>([\d ]+)<", shown)[1]
    inner, whole, dialog_whole, dialog_inner = map(int, numbers.split())
    assert inner == width and whole <= width
    assert dialog_whole <= dialog_inner <= width
    assert (dialog_inner > width / 2) == bool(click)


def test_nothing_goes_wrong_in_its_script(text, tmp_path):
    head = "<script>onerror = (e) => { document.documentElement.id = 'broken'; };"
    text = text.replace("<style>", f"{head}</script><style>")
    assert 'id="broken"' not in after(text, CLICK.format(0), tmp_path)
    assert 'id="broken"' in after(text, "nothing.at.all();", tmp_path)


def test_it_is_drawn(text, tmp_path):
    path, out = tmp_path / "page.html", tmp_path / "shot.png"
    path.write_text(text)
    browse(path, tmp_path, f"--screenshot={out}", "--window-size=1280,900")
    assert load_image(out).std() > 0.05
