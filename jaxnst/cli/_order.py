"""Pictures and options that take several values, in any order."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from jaxnst.cli._parser import Option, element_of
from jaxnst.images.listing import picture_suffixes
from jaxnst.images.opening import VIDEO_SUFFIXES

# Pictures that are not read, or not everywhere; said where they are opened.
_OTHERS = (".heic", ".heif", ".jxl", ".jp2", ".psd", ".dng", ".nef", ".cr2", ".arw")


def lists_last(line: Sequence[str], options: Sequence[Option]) -> list[str]:
    """A command line whose options of several values stand at its end, so that these
    take no pictures for values: `--steps 60 a.jpg b.jpg` becomes `a.jpg b.jpg --steps
    60`. What is a picture is told by its suffix, or as what no value can be; the first
    word after an option is a value. Options whose values are files take all.
    """
    if "--" in line:
        return list(line)
    lists: Mapping[str, Any] = {
        flag: kind
        for each in options
        if (kind := element_of(each.kind)) is not None
        for flag in each.flags
    }
    of_files = {
        flag for each in options if each.metavar == "FILE" for flag in each.flags
    }
    first: list[str] = []
    last: list[str] = []
    words = list(line)
    while words:
        word = words.pop(0)
        if word not in lists:
            first.append(word)
            continue
        last.append(word)
        while words and not _is_option(words[0]):
            picture = word not in of_files and _is_picture(words[0], lists[word])
            if last[-1] != word and picture:
                while words and not _is_option(words[0]):
                    first.append(words.pop(0))
                break
            last.append(words.pop(0))
    return first + last


def _is_option(word: str) -> bool:
    return word[:1] == "-" and word != "-" and not _is_number(word)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_picture(word: str, kind: Any) -> bool:
    """Whether a word is a picture rather than a value of a kind."""
    if word == "-" or "://" in word or word.startswith("/dev/"):
        return True
    if Path(word).suffix.lower() in {*picture_suffixes(), *_OTHERS, *VIDEO_SUFFIXES}:
        return True
    if kind in (int, float):
        return not _is_number(word) and Path(word).is_file()
    if get_origin(kind) is Literal:
        return word not in get_args(kind) and Path(word).is_file()
    return False
