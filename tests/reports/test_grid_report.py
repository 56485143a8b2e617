"""The report page: everything in it, nothing outside of it, nothing that escapes."""

import base64
import io
import json
import re

import numpy as np
import pytest
from networks import picture
from pages import NASTY, Seen, grid_page
from PIL import Image

from jaxnst.reports import grid_report


@pytest.fixture(scope="module")
def entries():
    return [
        [
            grid_report.Entry(
                f"alpha {a}, beta {b}", picture(40, 60, a + b), {"style": 0.5}, f
            )
            for b, f in ((1, f"{a}-1.png"), (2, f"{a}-2.png"))
        ]
        for a in (1, 3)
    ]


def test_every_picture_is_in_it_small_and_whole(entries):
    text = grid_page(entries)
    seen = Seen(text)
    buttons = [v for tag, name, v in seen.attributes if name == "data-file"]
    assert buttons == ["1-1.png", "1-2.png", "3-1.png", "3-2.png"]
    pictures = json.loads(re.search(r"const pictures = (.*);", text)[1])
    assert list(pictures) == buttons
    data = base64.b64decode(pictures["3-1.png"].split(",")[1])
    shown = np.asarray(Image.open(io.BytesIO(data))) / 255
    assert np.abs(shown - entries[1][0].image).mean() < 0.05
    details = json.loads(re.search(r"const details = (.*);", text)[1])
    assert details["1-2.png"] == {"label": "alpha 1, beta 2", "numbers": "style 0.5"}


def test_the_suggested_one_is_marked(entries):
    text = grid_page(entries)
    assert re.findall(r'<td class="suggested"><button data-file="([^"]+)"', text) == [
        "3-1.png"
    ]
    assert '<span class="mark">alpha 3, beta 1</span>' in text


def test_it_asks_for_nothing_from_elsewhere(entries):
    seen = Seen(grid_page(entries))
    sources = [v for _, name, v in seen.attributes if name in ("src", "href", "action")]
    assert sources and all(
        v is None or v.startswith(("data:image/jpeg;base64,", "#")) for v in sources
    )
    assert not set(seen.tags) & {"link", "iframe", "object", "embed"}


def test_text_from_outside_stays_text(entries):
    entry = grid_report.Entry(NASTY, picture(20, 20), {NASTY: 1.0}, NASTY)
    text = grid_page(
        [[entry]],
        title=NASTY,
        row_labels=[NASTY],
        column_labels=[NASTY],
        suggested=entry,
        settings={NASTY: NASTY},
        plots={NASTY: "<svg></svg>"},
    )
    assert text.count("</script>") == 1 and "<img src=x" not in text
    assert not [a for a in Seen(text).attributes if a[1] == "onerror"]
