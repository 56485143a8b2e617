"""Which pictures are painted like which, and under what names."""

from pathlib import Path

import pytest
from networks import picture

from jaxnst import save_image
from jaxnst.cli import _pairs, batch


@pytest.fixture
def pairs():
    return _pairs


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("c/b.png", "c/a.png", "s/x.png", "s/y.png"):
        Path(name).parent.mkdir(exist_ok=True)
        save_image(name, picture(8, 8))
    return tmp_path


def names(found):
    assert all(pair.name.endswith(".png") for pair in found)
    return [pair.name.removesuffix(".png") for pair in found]


def planned(pairs, how="product", contents="c", styles="s", output="out"):
    folders = [folder and Path(folder) for folder in (contents, styles)]
    return pairs.plan(how, *folders, Path(output), ".png")


def test_every_photograph_like_every_painting(pairs, here):
    found = planned(pairs)
    assert names(found) == ["a__x", "a__y", "b__x", "b__y"]
    assert found[1].content == Path("c/a.png") and found[1].style == Path("s/y.png")


def test_a_picture_that_is_read_is_not_written(pairs, here):
    Path("list.csv").write_text("content,style,output\nc/a.png,s/x.png,a\n")
    with pytest.raises(ValueError, match=r"c/a.png is read, and would be overwritten"):
        pairs.plan("list.csv", None, None, Path("c"), ".png")


def test_in_turn(pairs, here):
    assert names(planned(pairs, "zip")) == ["a__x", "b__y"]
    save_image("c/c.png", picture(8, 8))
    with pytest.raises(ValueError, match="c holds 3 pictures and s 2"):
        planned(pairs, "zip")


def test_stems_that_are_alike_are_told_apart(pairs, here):
    save_image("c/a.jpg", picture(8, 8))
    Path("c/more").mkdir()
    save_image("c/more/b.png", picture(8, 8))
    assert names(planned(pairs))[::2] == [
        "a.jpg__x",
        "a.png__x",
        "c-b.png__x",
        "more-b.png__x",
    ]


def test_names_that_stay_alike_are_refused(pairs, here):
    save_image("c/a__x.png", picture(8, 8))
    save_image("s/x__x.png", picture(8, 8))
    with pytest.raises(ValueError, match='a__x__x.png; rename a file, or .* "output"'):
        planned(pairs)


def test_pictures_in_the_output_are_no_contents(pairs, here):
    Path("c/out").mkdir()
    save_image("c/out/a__x.png", picture(8, 8))
    assert len(planned(pairs, output="c/out")) == 4


def test_the_folder_for_results_may_hold_the_folders_of_pictures(pairs, here):
    assert names(planned(pairs, output=".")) == ["a__x", "a__y", "b__x", "b__y"]
    Path("s/c").symlink_to("../c")
    assert len(planned(pairs, contents="s/c", output="s/../.")) == 4


@pytest.mark.parametrize("output", ["c", "s", "c/../s", "link"])
def test_results_do_not_lie_among_the_pictures(output, pairs, here):
    Path("link").symlink_to("c")
    with pytest.raises(ValueError, match="lie among the pictures of .*choose another"):
        planned(pairs, output=output)


def test_single_pictures(pairs, here):
    assert names(planned(pairs, contents="c/b.png")) == ["b__x", "b__y"]
    found = planned(pairs, "zip", contents="c/b.png", styles="s/y.png", output="c")
    assert names(found) == ["b__y"]


def test_what_is_no_picture_is_named(pairs, here, capsys):
    Path("c/notes.txt").write_text("not a picture")
    Path("c/Thumbs.db").write_bytes(b"preview")
    assert len(planned(pairs)) == 4
    error = capsys.readouterr().err
    assert (
        error == "warning: skipped a file that is no picture known here: c/notes.txt\n"
    )
    Path("c/more.mov").write_bytes(b"film")
    planned(pairs)
    assert "2 files that are no pictures known here: c/more.mov, c/notes" in (
        capsys.readouterr().err
    )


def test_a_table(pairs, here):
    Path("list.csv").write_text(
        "\ufeffcontent, style, beta, output\n"
        "a.png, x.png, 3, first\n"
        "\n"
        '"b.png", y.png, ,\n'
    )
    found = planned(pairs, "list.csv")
    assert names(found) == ["first", "b__y"]
    assert [pair.numbers for pair in found] == [{"beta": 3.0}, {}]
    assert found[0].content == Path("c/a.png")
    beside = planned(pairs, "list.csv", contents=None, styles=None)
    assert beside[0].content == Path("a.png")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must begin with the names of its columns"),
        ("content,painting\na,b\n", "must begin with the names"),
        ("content,style\n", "lists no pairs"),
        ("content,style\na.png\n", "line 2: give one content and one style"),
        ("content,style\na.png,b.png,c.png\n", "line 2: give one"),
        ("content,style,beta\na.png,b.png,much\n", "line 2: .*much"),
        ("content,style,output\na.png,b.png,../x\n", "plain file name"),
        ("content,style,output\na.png,b.png,.x\n", "plain file name"),
        ('content,style\n"a.png,b.png\n', "line 1: unexpected end of data"),
        ("content,style\na.png,b.png\na.png,b.png\n", "would both be written to"),
        (
            "content,style,output\na.png,b.png,x\nc.png,b.png,x.png\n",
            "would both be written to x.png",
        ),
    ],
)
def test_tables_that_cannot_be_used(text, said, pairs, here):
    Path("list.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        planned(pairs, "list.csv")


def test_what_is_no_table_and_no_folder(pairs, here):
    Path("list.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a text file"):
        planned(pairs, "list.csv")
    with pytest.raises(FileNotFoundError):
        planned(pairs, "none.csv")
    with pytest.raises(ValueError, match="product, zip or a .csv file"):
        planned(pairs, "all")
    with pytest.raises(ValueError, match="--contents FOLDER --styles FOLDER"):
        planned(pairs, styles=None)
    with pytest.raises(FileNotFoundError, match="there is no none"):
        planned(pairs, styles="none")


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [
        ("holiday.2024", "holiday.2024-painted"),
        ("c/a.png", "c/a-painted"),
        ("c/../s/.", "s-painted"),
    ],
)
def test_folders_for_results_are_called_as_what_they_are_of(contents, wanted, here):
    Path("holiday.2024").mkdir()
    arguments = batch.Arguments(contents=Path(contents), styles=Path("s"))
    assert batch.output_of(arguments) == here / wanted
