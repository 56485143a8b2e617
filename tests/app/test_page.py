"""The page in a real browser, served as `jaxnst app` serves it, without any network."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from pages import CHROMIUM
from paths import REPOSITORY
from PIL import Image

from jaxnst.app.clips import available as clips_available
from jaxnst.app.uploads import sample_pictures
from jaxnst.pipeline.provenance import read_settings
from scripts import write_network

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs Chromium, which is not installed"
    ),
]
pytest.importorskip("gradio", reason="needs Gradio (the extra app)")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
WAIT = 180_000  # milliseconds at most for anything
sync_api.expect.set_options(timeout=WAIT)
FOREVER = "100000"  # steps
EXPECTED = ("preset", "strength", "size", "style_scale", "network")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def started(*options):
    """The command, and its address when it answers."""
    line = [sys.executable, "-m", "jaxnst", "app", "--json", *options]
    # Compiling is not what is tested.
    flags = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
    process = subprocess.Popen(
        [*line, "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | flags,
    )
    answer = process.stdout.readline()
    assert answer, process.communicate()[1]
    return process, json.loads(answer)["address"]


def ended(process):
    """What it said on stderr when Ctrl-C ended it in good order."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def address():
    process, found = started()
    yield found
    said = ended(process)
    assert "Traceback" not in said and "Warning" not in said, said


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *CAMERA]
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A file of a narrow network: what it paints is not what is tested."""
    path = tmp_path_factory.mktemp("network") / "narrow.h5"
    write_network(path)
    return path


@pytest.fixture
def open_page(browser, address):
    """Opens a tab; at the end none may have said anything wrong, or asked elsewhere."""
    contexts, wrong, asked = [], [], set()

    def listen(tab):
        tab.set_default_timeout(WAIT)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on(
            "console",
            lambda said: wrong.append(said.text) if said.type == "error" else None,
        )
        tab.on("request", lambda request: asked.add(request.url))

    def opened(width=1280):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, permissions=["camera"]
        )
        contexts.append(context)
        tab = context.new_page()
        listen(tab)
        tab.goto(address)
        tab.wait_for_selector("#paint")
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert not wrong
    own = (address, "data:", f"blob:{address}")
    assert asked and not [url for url in asked if not url.startswith(own)]


# What an accordion or a tab shows for the first time, Gradio fills with the values it
# came with a few frames after it is there; nobody types that quickly.
FRAMES = """() => new Promise(done => {
    let left = 10;
    const next = () => left-- ? requestAnimationFrame(next) : done();
    next();
})"""


def fill(tab, name, value):
    field = tab.locator(f"#{name} input, #{name} textarea").first
    field.wait_for()
    tab.evaluate(FRAMES)
    field.fill(str(value))
    field.press("Enter")


def filled(tab, name):
    return tab.locator(f"#{name} input, #{name} textarea").first.input_value()


def take_samples(tab, network=None, steps="3"):
    """The samples, small, in few steps."""
    tab.click("#samples")
    tab.wait_for_selector("#content img")
    tab.wait_for_selector("#styles img")
    fill(tab, "size", 64)
    tab.click("#rest button")
    fill(tab, "steps", steps)
    if network is not None:
        fill(tab, "network", network)


def words(tab, selector, pattern):
    """The text of an element when it holds the pattern."""
    element = tab.locator(selector)
    sync_api.expect(element).to_contain_text(re.compile(pattern))
    return element.inner_text()


def test_a_picture_from_the_samples_and_back_into_the_page(
    open_page, network, tmp_path
):
    """Painted to the end, more of it, downloaded, and read by another tab."""
    tab = open_page()
    take_samples(tab, network)
    tab.click("#paint")
    assert "64 × 48 pixels" in words(tab, "#done", "3 steps")
    tab.wait_for_selector("#compare img")
    tab.click("#more")
    words(tab, "#done", "60 steps")
    assert filled(tab, "strength") == "0.65"
    with tab.expect_download() as download:
        tab.click("#download")
    assert download.value.suggested_filename == "harbour__strokes.png"
    path = tmp_path / "harbour__strokes.png"
    download.value.save_as(path)
    settings, names = read_settings(path)
    assert settings.terms.strength == 0.65 and settings.geometry.size == 64
    assert [name.name for name in names] == ["harbour.jpg", "strokes.jpg"]

    other = open_page()
    other.get_by_role("tab", name="Read a picture").click()
    other.set_input_files("#finished input[type=file]", path)
    words(other, "#read", "its settings are on the page")
    found = [filled(other, name) for name in EXPECTED]
    assert found == ["default", "0.65", "64", "1", settings.network]


# The editor's scale, which is not 100 % once the photograph is fitted into it.
FITTED = "() => /\\b\\d\\d%/.test(document.querySelector('#editor').innerText)"


def open_parts(tab):
    tab.click("#parts > button")
    tab.locator("#editor canvas").first.wait_for()
    tab.wait_for_function(FITTED)
    tab.evaluate(FRAMES)


def stroke(tab, y):
    """Paint over the middle of the photograph at a height of the canvas."""
    canvas = tab.locator("#editor canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    height = box["y"] + y * box["height"]
    tab.mouse.move(box["x"] + 0.3 * box["width"], height)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.7 * box["width"], height, steps=6)
    tab.mouse.up()
    tab.evaluate(FRAMES)


def add_painting(tab, path):
    """One more painting, of the samples' photograph."""
    before = tab.locator("#styles img").count()
    shutil.copy(sample_pictures()[0], path)
    tab.set_input_files("#styles input[type=file]", path)
    tab.locator("#styles img").nth(before).wait_for()


def test_a_part_is_painted_over_and_painted(open_page, network, tmp_path):
    """In the second painting's colour, by a click on it, which is the brush's still
    when there is a third painting; the mask goes along as a file."""
    tab = open_page()
    take_samples(tab, network, "1")
    add_painting(tab, tmp_path / "other.jpg")
    open_parts(tab)
    second = tab.locator(".jaxnst-brush").nth(1)
    second.wait_for()
    second.click()
    blue = tab.locator("#editor button[aria-label=Color]")
    sync_api.expect(blue).to_have_css("color", "rgb(37, 99, 235)")
    add_painting(tab, tmp_path / "third.jpg")
    tab.locator(".jaxnst-brush").nth(2).wait_for()
    sync_api.expect(blue).to_have_css("color", "rgb(37, 99, 235)")
    stroke(tab, 0.7)  # below the palette
    tab.click("#paint")
    said = words(tab, "#done", "--content-mask harbour-mask.png -o again.png")
    assert "jaxnst harbour.jpg other.jpg --from harbour__other.png" in said
    with tab.expect_download() as download:
        tab.click("#mask")
    assert download.value.suggested_filename == "harbour-mask.png"
    download.value.save_as(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as mask:
        levels = np.asarray(mask.convert("L")) / 255
    assert 0.02 < levels.mean() < 0.4 and set(np.unique(levels)) == {0, 1}
    assert levels.mean(1).max() > 0.3 and levels[0].max() == 0


def test_a_run_is_stopped_and_kept(open_page, network):
    tab = open_page()
    take_samples(tab, network, FOREVER)
    tab.click("#paint")
    words(tab, "#progress", r"step \d+ of 100000")
    tab.wait_for_selector("#progress img")
    tab.click("#stop")
    words(tab, "#done", r"stopped after \d+ of 100000 steps")
    assert tab.locator("#more").is_enabled() and tab.locator("#paint").is_enabled()


def test_the_second_tab_waits_until_the_first_is_closed(open_page, network):
    """One computation at a time; a closed tab's ends."""
    first, second = open_page(), open_page()
    take_samples(first, network, FOREVER)
    take_samples(second, network)
    first.click("#paint")
    words(first, "#progress", r"step \d+ of 100000")
    second.click("#paint")
    words(second, "#progress", r"queue: 1/1|waiting for its turn")
    assert not second.locator("#done:visible").count()
    first.close()
    words(second, "#done", "3 steps")


def test_a_grid_and_one_of_its_settings_taken_over(open_page, network):
    tab = open_page()
    take_samples(tab, network)
    tab.get_by_role("tab", name="Grid").click()
    fill(tab, "row_values", "0.3 0.8")
    fill(tab, "column_values", "1.5")
    fill(tab, "grid_size", 64)
    tab.click("#grid_paint")
    tab.wait_for_selector("#gallery img")
    assert tab.locator("#gallery button img").count() == 2
    tab.locator("#gallery button img").nth(1).click()
    words(tab, "#progress", "strength 0.8, strokes 1.5, as in the grid")
    assert filled(tab, "strength") == "0.8" and filled(tab, "style_scale") == "1.5"
    assert filled(tab, "size") == "64" and tab.locator("#paint").is_visible()


def test_what_is_wrong_is_one_line_on_the_page(open_page, tmp_path):
    tab = open_page()
    tab.click("#paint")
    words(tab, "#progress", "a photograph is missing; drop one, or take the samples")
    wrong = tmp_path / "wrong.png"
    wrong.write_text("no picture")
    tab.set_input_files("#content input[type=file]", wrong)
    said = words(tab, "#message", "cannot read wrong.png: not a whole picture")
    assert str(tmp_path) not in said and len(said.splitlines()) == 1
    take_samples(tab, steps="many")
    tab.click("#paint")
    words(tab, "#progress", "steps must be numbers such as 60, got 'many'")


def test_a_draft_follows_its_controls_and_the_camera_is_painted(open_page):
    tab = open_page()
    take_samples(tab)
    tab.get_by_role("tab", name="At once").click()
    first = tab.wait_for_selector("#draft img").get_attribute("src")
    fill(tab, "strength", 1)
    changed = "src => document.querySelector('#draft img').src !== src"
    tab.wait_for_function(changed, arg=first)

    tab.get_by_role("tab", name="Live").click()
    fill(tab, "camera_side", 96)
    tab.click("#camera")
    tab.wait_for_selector("#live img")
    words(tab, "#live", r"\d\.\d pictures a second")
    photograph = tab.locator("#content img").get_attribute("src")
    tab.click("#snapshot")
    taken = "src => document.querySelector('#content img').src !== src"
    tab.wait_for_function(taken, arg=photograph)
    assert "camera.jpg" in tab.locator("#content img").get_attribute("src")
    assert tab.locator("#paint").is_visible()


@pytest.mark.skipif(not clips_available(), reason="needs the extra video")
def test_a_clip_is_painted_while_one_watches(open_page, address, tmp_path):
    from clips import frames, write_clip
    from gradio_client import Client, handle_file

    # Of the size of the camera's frames above, which is compiled already.
    write_clip(tmp_path / "clip.mp4", pictures=frames(6, 80, 96))
    tab = open_page()
    take_samples(tab)
    fill(tab, "size", 96)
    tab.get_by_role("tab", name="Video").click()
    tab.click("#clip_paint")
    words(tab, "#clip_progress", "a clip is missing")
    tab.set_input_files("#clip input[type=file]", tmp_path / "clip.mp4")
    # Its link: the name is written out only while it is sent, parted afterwards.
    tab.wait_for_selector("#clip a[href$='/clip.mp4']")
    tab.click("#clip_paint")
    words(tab, "#clip_progress", "6 frames")
    tab.wait_for_selector("#clip_made video")
    client = Client(address, verbose=False)
    given = handle_file(tmp_path / "clip.mp4"), [handle_file(sample_pictures()[1])]
    made, facts = client.predict(*given, {"size": 96, "end": 0.1}, api_name="/clip")
    assert made.endswith(".mp4") and facts["frames"] == 3


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desk(width, open_page):
    tab = open_page(width)
    for name in ("Paint", "At once", "Grid"):
        tab.get_by_role("tab", name=name).click()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("innerWidth") == width
    tab.click("#samples")
    tab.wait_for_selector("#styles img")
    open_parts(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_programs_do_what_the_page_of_the_command_line_shows(
    address, network, tmp_path, monkeypatch
):
    """The example as it stands, small, and what goes wrong."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    text = (REPOSITORY / "scripts" / "README.md").read_text()
    example = re.search(r"^```\n(from gradio_client.*?)^```", text, re.S | re.M)[1]
    assert "127.0.0.1:7860" in example and '"size": 384' in example
    small = f'"size": 64, "steps": 2, "network": {str(network)!r}'
    example = example.replace("http://127.0.0.1:7860", address)
    example = example.replace('"size": 384', small)
    for name, sample in zip(
        ("photo.jpg", "painting.jpg"), sample_pictures(), strict=True
    ):
        shutil.copy(sample, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example, names)
    assert read_settings(names["picture"])[0].geometry.size == 64
    assert names["facts"]["steps"] == 2
    client = Client(address, verbose=False)
    given = handle_file("photo.jpg"), [handle_file("painting.jpg")]
    with pytest.raises(AppError, match="there is no option 'siez'"):
        client.predict(*given, {"siez": 3}, api_name="/paint")
    read = client.predict(handle_file(names["picture"]), api_name="/read")
    assert read["content"] == "photo.jpg"
    job = client.submit(
        *given,
        {"size": 64, "steps": int(FOREVER), "network": str(network)},
        api_name="/paint",
    )
    until = time.monotonic() + 30
    while not any(out[1].get("step") for out in job.outputs()):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert job.cancel()
    axes = {"strength": [0.4], "style_scale": [1.0, 1.5]}
    how = {"size": 64, "steps": 2, "network": str(network)}
    cells, _ = client.predict(*given, axes, how, api_name="/grid")
    assert [cell["caption"][-3:] for cell in cells] == ["s 1", "1.5"]


def test_for_programs_alone_there_is_no_page():
    process, address = started("--api-only")
    with urllib.request.urlopen(address) as answer:
        assert b"for programs" in answer.read()
    with urllib.request.urlopen(f"{address}gradio_api/info") as answer:
        names = set(json.load(answer)["named_endpoints"])
    clip = {"/clip"} if clips_available() else set()
    assert names == {"/paint", "/go_on", "/draft", "/grid", "/read"} | clip
    ended(process)
