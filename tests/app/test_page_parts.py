"""The page's own HTML, its tabs on the server, and what surrounds Gradio."""

import ast
import asyncio
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from pages import NASTY, nothing_escaped

import jaxnst
from jaxnst import app
from jaxnst.app import markup, server
from jaxnst.app.runs import Update
from jaxnst.app.sessions import Sessions

PACKAGE = Path(app.__file__).parent
WITH_GRADIO = {
    *("components", "endpoints", "handlers", "look", "server"),
    *("events", "paint_events", "compare_events", "motion_events", "part_events"),
}


def test_gradio_is_imported_where_the_page_is_made_alone():
    for path in PACKAGE.glob("*.py"):
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert "gradio" not in names or path.stem in WITH_GRADIO, path


def test_the_command_and_the_server_start_without_gradio_and_jax():
    code = (
        "import sys, jaxnst.app.server, jaxnst.app\n"
        "assert not {'gradio', 'jax', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parents[1])


def test_without_gradio_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'jaxnst\[app\]'"):
        app.check_installed()


class Balanced(HTMLParser):
    """Whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def update(**changed):
    terms = {"loss": 2.0, "content": 1.0, "style": 0.5, "beta": 3.0}
    return Update(**{"step": 3, "steps": 12, "terms": terms, "seconds": 4.0} | changed)


@pytest.mark.parametrize(
    "news, words",
    [
        (Update(), "getting ready"),
        (update(), "step 3 of 12"),
        (update(left=130.0), "2 min 10 s left"),
        (update(image=np.zeros((4, 4, 3))), "data:image/jpeg;base64,"),
    ],
)
def test_progress_is_whole_html(news, words):
    text = markup.progress(news)
    assert not Balanced(text).open and words in text
    assert "beta" not in text  # the three terms that matter


def test_progress_says_that_it_ends():
    text = markup.progress(update(left=3.0), ends=True)
    assert "stopping" in text and "left" not in text and 'aria-valuenow="25"' in text


def test_words_of_others_are_text():
    for text in (
        markup.error(NASTY),
        markup.note(NASTY),
        markup.empty(NASTY),
        markup.table([(NASTY, NASTY)]),
        markup.picture(np.zeros((2, 2, 3)), NASTY),
    ):
        assert nothing_escaped(text + "</script>") and "<script" not in text


@pytest.mark.parametrize(
    "seconds, words",
    [(0, "0 s"), (99.4, "99 s"), (100, "1 min 40 s"), (7260, "2 h 01 min")],
)
def test_durations(seconds, words):
    assert markup.duration(seconds) == words


def test_a_cameras_frames_differ_even_where_they_look_alike():
    image = np.zeros((4, 4, 3))
    one, two = markup.live(image, 2.5, 1), markup.live(image, 2.5, 2)
    assert one != two and "2.5 pictures a second" in one
    assert "goes on after it" in markup.live(None, 0.0, 3)


def test_a_closed_tab_stops_what_it_computes_and_takes_its_pictures_along(tmp_path):
    sessions = Sessions(tmp_path)
    session, other = sessions.of("../../x"), sessions.of("b")
    assert sessions.of("../../x") is session and session.folder.parent == tmp_path
    folder = session.new_folder()
    folder.mkdir(parents=True)
    assert session.new_folder() != folder and other.folder != session.folder
    first = session.begin()
    second = session.begin()
    assert first.stopped() and not second.stopped()
    kept = other.begin()
    sessions.close("../../x")
    assert second.stopped() and not session.folder.exists() and not kept.stopped()
    sessions.close("never seen")
    sessions.close_all()
    assert kept.stopped()


def answer(page, path):
    """Status, headers and body that the guard lets through for a path."""
    sent = []

    async def inner(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the page"})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path}
    asyncio.run(server.Guard(inner, page=page)(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_no_answer_lets_a_browser_fetch_from_elsewhere():
    status, headers, body = answer(True, "/")
    policy = headers[b"content-security-policy"].decode()
    assert (status, body) == (200, b"the page")
    assert policy.startswith("default-src 'self'; ")
    assert "http" not in policy and "*" not in policy


def test_a_page_that_is_closed_while_it_sends_is_nothing_to_report():
    class ClientDisconnect(Exception):  # as Starlette's is called
        pass

    def serve(error):
        async def inner(scope, receive, send):
            raise error

        scope = {"type": "http", "path": "/upload"}
        asyncio.run(server.Guard(inner, page=True)(scope, None, None))

    serve(ClientDisconnect())
    with pytest.raises(OSError):
        serve(OSError())


def test_without_a_page_its_address_says_how_it_is_used():
    assert b"gradio_client" in answer(False, "/")[2]
    assert answer(False, "/gradio_api/info")[2] == b"the page"


def test_nothing_in_the_page_names_another_host():
    for path in PACKAGE.iterdir():
        if path.suffix in (".css", ".js"):
            assert "//" not in path.read_text().replace("// ", ""), path


def test_the_samples_are_in_the_wheel():
    text = (Path(jaxnst.__file__).parents[1] / "pyproject.toml").read_text()
    for name in ("harbour.jpg", "strokes.jpg"):
        assert f'"scripts/samples/{name}" = "jaxnst/data/{name}"' in text
