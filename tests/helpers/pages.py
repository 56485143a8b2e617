"""Pages as jaxnst makes them, what is in them, and a browser to open them in."""

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from networks import picture

from jaxnst.reports import grid_report, html, plots

NASTY = '</script><img src=x onerror="alert(1)">&\'"'


def grid_page(entries, **changed):
    given = {
        "title": "photo as painting",
        "row_labels": ["alpha 1", "alpha 3"],
        "column_labels": ["beta 1", "beta 2"],
        "content": picture(40, 60),
        "styles": [picture(30, 30)],
        "suggested": entries[-1][0],
        "plots": {"curves": plots.curves_svg({"one": np.array([3.0, 2, 1])})},
        "settings": {"network": "vgg19-lite", "steps": 280},
    }
    return grid_report.grid_page(entries, **given | changed)


class Seen(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]


def report_page(**sections):
    blocks = {
        "Words": [html.paragraph("one"), html.listing(["two", "three"])],
        "Numbers": [html.table(["", "a"], [["row", "1.5"]], caption="all")],
        "Pictures": [
            html.pictures(
                [[picture(40, 60, 1), None], [picture(40, 60, 2), picture(40, 60, 3)]],
                row_labels=["first", "second"],
                column_labels=["left", "right"],
                labels=[["a", ""], ["b", "c"]],
            )
        ],
        "Curves": [html.drawings({"x": plots.curves_svg({"y": np.ones(2)})})],
    }
    return html.document("A report", blocks | sections)


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


def after(text: str, script: str, tmp_path: Path, *options: str) -> str:
    """The document after `script` ran on the page."""
    path = tmp_path / "page.html"
    path.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    return browse(path, tmp_path, "--dump-dom", *options)
