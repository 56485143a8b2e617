"""Contact sheets."""

import numpy as np
import pytest
from networks import picture

from jaxnst.images import contact_sheet

RED, BLUE = np.zeros((30, 60, 3)), np.zeros((60, 30, 3))
RED[..., 0], BLUE[..., 2] = 1, 1
RED, BLUE = RED.astype(np.float32), BLUE.astype(np.float32)


def places(sheet, colour):
    """Rows and columns of the pixels of one colour: (top, bottom, left, right)."""
    rows, columns = np.nonzero((np.abs(sheet - colour) < 0.02).all(-1))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def test_pictures_stand_in_their_places_at_their_aspect():
    sheet = contact_sheet([[RED, None], [None, BLUE]], cell=40)
    top, bottom, left, right = places(sheet, (1, 0, 0))
    assert (bottom - top, right - left) == (20, 40)
    below, end, beside, edge = places(sheet, (0, 0, 1))
    assert (end - below, edge - beside) == (40, 20)
    assert below > bottom and beside > right  # the second row, the second column
    assert sheet.dtype == np.float32 and sheet.shape == (end + 6, right + 6 + 40 + 6, 3)


def test_labels_are_written_beside_and_above():
    plain = contact_sheet([[RED, RED]], cell=80)
    named = contact_sheet(
        [[RED, RED]], row_labels=["row"], column_labels=["one", "two"], cell=80
    )
    top, _, left, right = places(named, (1, 0, 0))
    assert named.shape > plain.shape and (named.min(-1) < 0.5).any()
    dark = named.max(-1) < 0.5
    halves = dark[:top, left : left + 80], dark[:top, right - 80 : right]
    assert all(half.any() for half in halves)  # a label over each column
    assert dark[top:, :left].any()
    assert not np.array_equal(*halves)


def test_captions_are_written_over_each_picture():
    plain = contact_sheet([[RED, BLUE], [RED]], cell=80)
    named = contact_sheet(
        [[RED, BLUE], [RED]], captions=[["one", "two"], ["three"]], cell=80
    )
    line = (named.shape[0] - plain.shape[0]) // 2
    dark = named.max(-1) < 0.5
    first, second, third = dark[6:, 6:86], dark[6:, 92:172], dark[6 + line + 86 :, 6:86]
    labels = [part[:line] for part in (first, second, third)]
    assert all(label.any() for label in labels)
    assert not np.array_equal(labels[0], labels[1])
    assert not dark[6 + line + 86 :, 92:172].any()  # there is no fourth
    more = contact_sheet([[RED]], captions=[["one"], ["of no row"]], cell=80)
    assert more.shape == contact_sheet([[RED]], captions=[["one"]], cell=80).shape
    # The pictures are where they were, but for the lines.
    assert np.array_equal(named[6 + line : 86 + line], plain[6:86])
    assert np.array_equal(named[92 + 2 * line :], plain[92:])


def test_long_labels_are_cut():
    sheet = contact_sheet([[RED, RED]], column_labels=["x" * 500, ""], cell=60)
    top, _, left, right = places(sheet, (1, 0, 0))
    dark = sheet[:top].max(-1) < 0.5
    assert dark[:, left : left + 60].any() and not dark[:, left + 61 :].any()


def test_cut_labels_keep_how_they_begin_and_end():
    def drawn(text):
        return contact_sheet([[RED]], row_labels=[text], cell=300)

    long = "vgg19-of-a-long-name, from noise"
    assert not np.array_equal(drawn(long), drawn(long.replace("noise", "photo")))
    assert not np.array_equal(drawn(long), drawn(long.replace("vgg19", "vgg16")))
    assert np.array_equal(drawn(long), drawn(long.replace("long", "much longer")))


@pytest.mark.parametrize("rows", [[], [[]], [[None], [None]]])
def test_nothing_to_show(rows):
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet(rows)


def test_what_is_no_picture():
    with pytest.raises(ValueError, match="shape"):
        contact_sheet([[np.zeros((4, 4), np.float32)]])
    sheet = contact_sheet([[picture(9, 5)]], cell=2)  # smaller than any letter
    assert np.isfinite(sheet).all()
