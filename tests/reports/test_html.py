"""Reports: everything in the page, nothing outside of it, nothing that escapes."""

import base64
import io
import re

import numpy as np
import pytest
from networks import picture
from pages import NASTY, Seen, report_page
from PIL import Image

from jaxnst.reports import html


def test_words_numbers_and_headings_are_in_it():
    text = report_page()
    for piece in ("<p>one</p>", "<li>three</li>", "<td>1.5</td>", "all</caption>"):
        assert piece in text
    links = re.findall(r'<a href="#(\w+)">(\w+)</a>', text)
    assert [name for _, name in links] == ["Words", "Numbers", "Pictures", "Curves"]
    for place, name in links:
        assert f'<section id="{place}"><h2>{name}</h2>' in text


def test_pictures_are_whole_and_named():
    text = report_page()
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="([^"]+)"', text)
    assert [name for _, name in found] == ["first, a", "second, b", "second, c"]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[2][0])))) / 255
    assert np.abs(shown - picture(40, 60, 3)).mean() < 0.05
    assert text.count("<td></td>") == 2  # the corner, and the place left empty


def test_a_picture_can_be_pointed_out():
    block = html.pictures(
        [[picture(20, 20), picture(20, 20)]],
        row_labels=["r"],
        labels=[["a", "b"]],
        marked=(0, 1),
    )
    assert (
        re.findall(r'<td( class="marked")?>', block)[-1] and block.count("marked") == 1
    )


def test_rows_and_labels_must_be_as_many():
    with pytest.raises(ValueError):
        html.pictures([[picture(20, 20)]], row_labels=["a", "b"], labels=[["a"]])


def test_it_asks_for_nothing_from_elsewhere():
    seen = Seen(report_page())
    sources = [v for _, name, v in seen.attributes if name in ("src", "href", "action")]
    assert sources and all(
        v is None or v.startswith(("data:image/jpeg;base64,", "#")) for v in sources
    )
    assert not set(seen.tags) & {"link", "iframe", "object", "embed"}


def test_text_from_outside_stays_text():
    image = [[picture(20, 20)]]
    blocks = [
        html.paragraph(NASTY),
        html.listing([NASTY]),
        html.table([NASTY], [[NASTY, NASTY]], caption=NASTY),
        html.pictures(
            image, row_labels=[NASTY], column_labels=[NASTY], labels=[[NASTY]]
        ),
        html.drawings({NASTY: "<svg></svg>"}),
    ]
    text = html.document(NASTY, {NASTY: blocks})
    assert text.count("</script>") == 1 and "<img src=x" not in text
    assert not [a for a in Seen(text).attributes if a[1] == "onerror"]
