"""Which photograph is painted like which painting, and how the picture is called."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from jaxnst._files import fitting_name
from jaxnst.cli._folders import pictures_at, pictures_in
from jaxnst.cli._locations import (
    Address,
    Location,
    check_written_not_read,
    joined,
    location,
    same_or_inside,
)
from jaxnst.cli._parser import Misuse
from jaxnst.cli._remote import read_bytes

NUMBERS = ("alpha", "beta", "tv")

_MASKS = ("content_mask", "style_mask", "protect")

_COLUMNS = ("content", "style", *_MASKS, *NUMBERS, "output")


@dataclass(frozen=True)
class Pair:
    """A photograph, a painting, the picture's file name, its weights and masks."""

    content: Location
    style: Location
    name: str
    numbers: dict[str, float] = field(default_factory=dict)
    content_mask: Location | None = None
    style_mask: Location | None = None
    protect: Location | None = None

    @property
    def masks(self) -> tuple[Location, ...]:
        """Those of the pair alone."""
        named = self.content_mask, self.style_mask, self.protect
        return tuple(path for path in named if path is not None)

    def __str__(self) -> str:
        return f"{self.content} in the style of {self.style}"


def plan(
    how: str,
    contents: Location | None,
    styles: Location | None,
    output: Location,
    suffix: str,
) -> list[Pair]:
    """Every pair, none twice.

    Args:
        how: "product", every photograph like every painting; "zip", the first like the
            first, the second like the second, in the order of their names; or a CSV
            file.
        contents, styles: folders, or single pictures; for a CSV file,
            what its paths are relative to.
        output: folder whose pictures are nobody's contents or styles.
        suffix: of the pictures, such as ".png".

    Raises:
        OSError, ValueError: a folder, a file or a line that cannot be used.
    """
    if how.lower().endswith(".csv"):
        pairs = list(_listed(location(how), contents, styles, suffix))
        if not pairs:
            raise ValueError(f"{how} lists no pairs")
    else:
        pairs = _matched(how, contents, styles, output, suffix)
    for name, count in Counter(pair.name for pair in pairs).items():
        if count > 1:
            first, second, *_ = (str(pair) for pair in pairs if pair.name == name)
            raise ValueError(
                f"{first} and {second} would both be written to {name}; rename a "
                'file, or list the pairs in a .csv with a column "output"'
            )
    read = {path for pair in pairs for path in (pair.content, pair.style, *pair.masks)}
    check_written_not_read([output / pair.name for pair in pairs], list(read))
    return pairs


def _matched(
    how: str,
    contents: Location | None,
    styles: Location | None,
    output: Location,
    suffix: str,
) -> list[Pair]:
    if how not in ("product", "zip"):
        raise Misuse(f"--pairs must be product, zip or a .csv file, got {how!r}")
    if contents is None or styles is None:
        raise Misuse(
            "give a folder of photographs and one of paintings: "
            "--contents FOLDER --styles FOLDER"
        )
    found = [_found(place, output) for place in (contents, styles)]
    names = [_labels(files) for files in found]
    counts = [len(files) for files in found]
    if how == "zip" and counts[0] != counts[1]:
        raise ValueError(
            f"{contents} holds {counts[0]} pictures and {styles} {counts[1]}; --pairs "
            "zip needs as many, or take product"
        )
    chosen = product(*found) if how == "product" else zip(*found, strict=True)
    return [
        Pair(c, s, fitting_name(f"{names[0][c]}__{names[1][s]}", suffix))
        for c, s in chosen
    ]


def _found(place: Location, output: Location) -> Sequence[Location]:
    """The pictures of a folder, or the one picture, without results of earlier runs."""
    inside = same_or_inside(place, output)
    if inside and same_or_inside(output, place):
        raise Misuse(
            f"the results would lie among the pictures of {place}, and be taken for "
            "such the next time; choose another folder for them (-o)"
        )
    # Results lie in their folder itself: where pictures have one below, all are theirs.
    without = None if inside else output
    if isinstance(place, Address):
        return pictures_at(place, without=without)
    if isinstance(without, Address):
        without = without.local
    return pictures_in([place], without=without)


def _labels(files: Sequence[Location]) -> dict[Location, str]:
    """Names without suffix where that tells them apart, else as much as it takes."""
    stems = Counter(path.stem for path in files)
    names = Counter(path.name for path in files)

    def label(path: Location) -> str:
        if stems[path.stem] == 1:
            return path.stem
        if names[path.name] == 1:
            return path.name
        return "-".join([path.parent.name, path.name])

    return {path: label(path) for path in files}


def _listed(
    path: Location, contents: Location | None, styles: Location | None, suffix: str
) -> Iterator[Pair]:
    """The pairs of a CSV file."""
    folders = contents or path.parent, styles or path.parent
    try:
        data = path.read_bytes() if isinstance(path, Path) else read_bytes(path)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8") from None
    reader = csv.DictReader(text.splitlines(), strict=True, skipinitialspace=True)
    try:
        columns = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        unknown = [name for name in columns if name not in _COLUMNS]
        if unknown or not {"content", "style"} <= set(columns):
            raise ValueError(
                f"{path} must begin with the names of its columns, content and style "
                f"and perhaps {', '.join(_COLUMNS[2:])}; got {', '.join(columns)}"
            )
        for row in reader:
            yield _row(row, f"{path}, line {reader.line_num}", *folders, suffix)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from None


def _row(
    row: dict[str, str], where: str, contents: Location, styles: Location, suffix: str
) -> Pair:
    values = {k: (v or "").strip() for k, v in row.items() if isinstance(k, str)}
    if None in row or not (values["content"] and values["style"]):
        raise ValueError(f"{where}: give one content and one style")
    named: dict[str, Location] = {}
    for column in ("content", "style", *_MASKS):
        folder = styles if column.startswith("style") else contents
        try:
            if values.get(column):
                named[column] = joined(folder, values[column])
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    content, style = named.pop("content"), named.pop("style")
    try:
        numbers = {name: float(values[name]) for name in NUMBERS if values.get(name)}
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    name = values.get("output") or f"{content.stem}__{style.stem}"
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"{where}: output must be a plain file name, got {name!r}")
    name = fitting_name(name.removesuffix(suffix), suffix)
    return Pair(content, style, name, numbers, **named)
