"""Reports: everything in the page, nothing outside of it, nothing that escapes."""

import base64
import io
import re

import numpy as np
import pytest
from networks import picture
from PIL import Image
from test_page import NASTY, Seen

from jaxnst import document, report


def built(**sections):
    blocks = {
        "Words": [document.paragraph("one"), document.listing(["two", "three"])],
        "Numbers": [document.table(["", "a"], [["row", "1.5"]], caption="all")],
        "Pictures": [
            document.pictures(
                [[picture(40, 60, 1), None], [picture(40, 60, 2), picture(40, 60, 3)]],
                row_labels=["first", "second"],
                column_labels=["left", "right"],
                labels=[["a", ""], ["b", "c"]],
            )
        ],
        "Curves": [document.drawings({"x": report.curves_svg({"y": np.ones(2)})})],
    }
    return document.document("A report", blocks | sections)


def test_words_numbers_and_headings_are_in_it():
    text = built()
    for piece in ("<p>one</p>", "<li>three</li>", "<td>1.5</td>", "all</caption>"):
        assert piece in text
    links = re.findall(r'<a href="#(\w+)">(\w+)</a>', text)
    assert [name for _, name in links] == ["Words", "Numbers", "Pictures", "Curves"]
    for place, name in links:
        assert f'<section id="{place}"><h2>{name}</h2>' in text


def test_pictures_are_whole_and_named():
    text = built()
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="([^"]+)"', text)
    assert [name for _, name in found] == ["first, a", "second, b", "second, c"]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[2][0])))) / 255
    assert np.abs(shown - picture(40, 60, 3)).mean() < 0.05
    assert text.count("<td></td>") == 2  # the corner, and the place left empty


def test_a_picture_can_be_pointed_out():
    block = document.pictures(
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
        document.pictures([[picture(20, 20)]], row_labels=["a", "b"], labels=[["a"]])


def test_it_asks_for_nothing_from_elsewhere():
    seen = Seen(built())
    sources = [v for _, name, v in seen.attributes if name in ("src", "href", "action")]
    assert sources and all(
        v is None or v.startswith(("data:image/jpeg;base64,", "#")) for v in sources
    )
    assert not set(seen.tags) & {"link", "iframe", "object", "embed"}


def test_text_from_outside_stays_text():
    image = [[picture(20, 20)]]
    blocks = [
        document.paragraph(NASTY),
        document.listing([NASTY]),
        document.table([NASTY], [[NASTY, NASTY]], caption=NASTY),
        document.pictures(
            image, row_labels=[NASTY], column_labels=[NASTY], labels=[[NASTY]]
        ),
        document.drawings({NASTY: "<svg></svg>"}),
    ]
    text = document.document(NASTY, {NASTY: blocks})
    assert text.count("</script>") == 1 and "<img src=x" not in text
    assert not [a for a in Seen(text).attributes if a[1] == "onerror"]
