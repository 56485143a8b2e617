"""Reports: everything in the page, nothing outside of it, nothing that escapes."""

import re

import numpy as np
import pytest
from networks import picture
from pages import (
    NASTY,
    Seen,
    asks_for_nothing,
    decoded,
    nothing_escaped,
    report_page,
)

from jaxnst.reports import html
from jaxnst.reports.html import Entry


def test_words_numbers_and_headings_are_in_it():
    text = report_page()
    for piece in (
        "<p>one</p>",
        "<li>three</li>",
        "<td>1.5</td>",
        "all</caption>",
        "<tr><th scope=row>network</th><td>vgg19-lite</td></tr>",
    ):
        assert piece in text
    links = re.findall(r'<a href="#(\w+)">(\w+)</a>', text)
    assert [name for _, name in links] == ["Words", "Numbers", "Pictures", "Curves"]
    for place, name in links:
        assert f'<section id="{place}"><h2>{name}</h2>' in text


def test_pictures_are_whole_and_named():
    text = report_page()
    *shown, dialog = Seen(text).elements["img"]
    assert [image["alt"] for image in shown] == [
        "first, left, a",
        "second, left, b",
        "second, right",
    ]
    assert "src" not in dialog
    assert np.abs(decoded(shown[2]["src"]) - picture(40, 60, 3)).mean() < 0.05
    assert text.count("<td></td>") == 2  # the corner, and the place left empty
    assert re.findall(r"<figcaption>(.*?)</figcaption>", text) == ["a", "b", "x"]


def test_details_and_file_are_there_where_given():
    first, second, third = (b for b in Seen(report_page()).elements["button"][:3])
    assert first == third == {"type": "button"}
    assert second["data-details"] == "style 0.5" and second["data-file"] == "b.png"
    assert "data-picture" not in second  # it is on the page as it is


def block(entry=None, **options):
    entry = entry or Entry(picture(20, 20))
    return html.pictures([[entry, entry]], row_labels=["r"], **options)


def test_a_picture_can_be_marked():
    cells = re.findall(r"<td( class=\"marked\")?>", block(marked=(0, 1)))
    assert cells == ["", ' class="marked"']
    assert "marked" not in block()


def test_thumbnails_are_smaller_than_what_the_dialog_shows():
    entry = Entry(picture(30, 60))
    text = html.pictures([[entry]], row_labels=["r"], thumbnail=20)
    seen = Seen(text)
    assert decoded(seen.elements["img"][0]["src"]).shape == (10, 20, 3)
    whole = decoded(seen.elements["button"][0]["data-picture"])
    assert np.abs(whole - entry.image).mean() < 0.05
    # What is small already is not stored twice.
    assert block(entry, thumbnail=60) == block(entry)


def test_pictures_shown_beside_the_others_are_in_a_template():
    text = block(beside=[Entry(picture(10, 30, 4), "photograph")])
    inside = Seen(text.partition("<template>")[2].partition("</template>")[0])
    (image,) = inside.elements["img"]
    assert image["alt"] == "photograph"
    assert np.abs(decoded(image["src"]) - picture(10, 30, 4)).mean() < 0.05
    assert text.partition("<template>")[0] + "</div>" == block()


@pytest.mark.parametrize(
    "labels",
    [
        {"row_labels": ["a", "b"]},
        {"row_labels": ["a"], "column_labels": ["b", "c"]},
    ],
)
def test_rows_and_labels_must_be_as_many(labels):
    with pytest.raises(ValueError):
        html.pictures([[Entry(picture(20, 20))]], **labels)


def test_it_asks_for_nothing_from_elsewhere():
    assert asks_for_nothing(report_page())
    other = html.paragraph("").replace("p", "iframe")
    assert not asks_for_nothing(report_page() + other)


def test_text_from_outside_stays_text():
    entry = Entry(picture(20, 20), NASTY, details=NASTY, file=NASTY)
    blocks = [
        html.paragraph(NASTY),
        html.listing([NASTY]),
        html.table([NASTY], [[NASTY, NASTY]], caption=NASTY),
        html.facts([(NASTY, NASTY)]),
        html.pictures(
            [[entry]], row_labels=[NASTY], column_labels=[NASTY], beside=[entry]
        ),
        html.drawings({NASTY: "<svg></svg>"}),
    ]
    text = html.document(NASTY, {NASTY: blocks})
    assert nothing_escaped(text)
    button = Seen(text).elements["button"][0]
    assert button["data-details"] == button["data-file"] == NASTY
