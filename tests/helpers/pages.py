"""Pages as jaxnst makes them, what is in them, and a browser to open them in."""

import base64
import io
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from networks import picture
from PIL import Image

from jaxnst import Result
from jaxnst.reports import grid_report, html, plots
from jaxnst.reports.html import Entry

NASTY = '</script><img src=x onerror="alert(1)">&\'"'


def grid(alphas=(1.0, 3.0), betas=(1.0, 2.0), size=(40, 60), **changed):
    """A grid as painted; `changed` are other fields of it."""
    shape = len(alphas), len(betas)
    image = [[picture(*size, 10 * a + b) for b in range(shape[1])]
             for a in range(shape[0])]  # fmt: skip
    loss = np.linspace(3, 1, 4) + np.arange(np.prod(shape)).reshape(*shape, 1)
    result = Result(
        image=np.asarray(image),
        trace={"loss": loss},
        steps=4,
        finite=np.ones(shape, bool),
        seconds=7.0,
        state=None,
    )
    row, column = np.indices(shape)
    given = {
        "content": 0.25 * (column + 1.0),
        "style": 0.5 + row,
        "suggested": (1, 0),
        "judged": False,
    }
    return grid_report.Grid(alphas, betas, result, **given | changed)


def grid_page(shown, **changed):
    given = {
        "title": "photo as painting",
        "content": picture(40, 60, 98),
        "styles": [picture(30, 30, 99)],
        "facts": [("network", "vgg19-lite"), ("steps", "280")],
    }
    return grid_report.page(shown, **given | changed)


class Seen(HTMLParser):
    """What a browser makes of a page.

    Attributes:
        tags: names of all elements.
        attributes: (element, name, value) of all of them.
        elements: {element: attributes of each, by name}.
    """

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.elements = [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        self.elements.setdefault(tag, []).append(dict(attributes))

    def fetched(self):
        """Addresses that the page asks for."""
        names = ("src", "href", "action", "srcset", "poster", "data", "data-picture")
        return [v for _, name, v in self.attributes if name in names and v is not None]


def asks_for_nothing(text):
    seen = Seen(text)
    inside = ("data:image/jpeg;base64,", "#")
    return (
        len(seen.fetched()) > 1
        and all(address.startswith(inside) for address in seen.fetched())
        and not set(seen.tags) & {"link", "iframe", "object", "embed"}
        and "@import" not in text
        and "url(" not in text.replace("url(#", "")  # clip paths of drawings
    )


def nothing_escaped(text):
    """Whether `NASTY` is nothing but text on the page."""
    handlers = [a for a in Seen(text).attributes if a[1].startswith("on")]
    return text.count("</script>") == 1 and "<img src=x" not in text and not handlers


def report_page(**sections):
    rows = [
        [Entry(picture(40, 60, 1), "a"), None],
        [
            Entry(picture(40, 60, 2), "b", details="style 0.5", file="b.png"),
            Entry(picture(40, 60, 3)),
        ],
    ]
    blocks = {
        "Words": [html.paragraph("one"), html.listing(["two", "three"])],
        "Numbers": [
            html.table(["", "a"], [["row", "1.5"]], caption="all"),
            html.facts([("network", "vgg19-lite")]),
        ],
        "Pictures": [
            html.pictures(
                rows, row_labels=["first", "second"], column_labels=["left", "right"]
            )
        ],
        "Curves": [html.drawings({"x": plots.curves_svg({"y": np.ones(2)})})],
    }
    return html.document("A report", blocks | sections)


def decoded(source):
    """The picture (H, W, 3) in [0, 1] of an address that `image_source` made."""
    data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(data))) / 255


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def browse(path: Path, tmp_path: Path, *options: str) -> str:
    done = subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking"),
            *("--disable-component-update", "--disable-sync"),
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=2000",
            *options,
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def with_script(text: str, script: str) -> str:
    return text.replace("</body>", f"<script>{script}</script></body>")


def after(text: str, script: str, tmp_path: Path, *options: str) -> str:
    """The document after `script` ran on the page."""
    path = tmp_path / "page.html"
    path.write_text(with_script(text, script))
    return browse(path, tmp_path, "--dump-dom", *options)


def framed(text: str, width: int, height: int = 844) -> str:
    """The page in a frame: a window of Chromium is never narrower than 500 pixels."""
    return (
        '<!doctype html><title></title><body style="margin: 0">'
        f'<iframe width={width} height={height} style="border: 0" '
        f'srcdoc="{escape(text)}"></iframe></body>'
    )
