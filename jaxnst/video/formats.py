"""What clips are written as, by the suffix of their name."""

from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path

from jaxnst._files import check_output_file, check_writable_folder
from jaxnst.video.source import Size

QUALITY = 80  # of 100, where nobody says


@dataclass(frozen=True)
class Format:
    """One way to write clips.

    Attributes:
        name: for people.
        codec, pixels: of the video, as FFmpeg calls them.
        multiple: of which both sides are multiples.
        longest: pixels a side may have.
        container: options of the container.
        time_base: units in which times are kept; None, the clip's own.
        shortest: units for which a frame is shown at least.
        lossy: whether it has a quality.
    """

    name: str
    codec: str
    pixels: str
    multiple: int = 1
    longest: int = 16384
    container: tuple[tuple[str, str], ...] = ()
    time_base: Fraction | None = None
    shortest: int = 1
    lossy: bool = True

    @property
    def in_decoding_order(self) -> bool:
        """Whether the container adds up durations in the order of decoding."""
        return self.container[:2] == _MPEG4

    def options(self, quality: int) -> dict[str, str]:
        """The codec's options for a quality from 1 to 100."""
        if self.codec == "libx264":  # 0 is lossless, 51 the worst
            return {"crf": str(round(50 - 0.4 * quality)), "preset": "medium"}
        if self.codec == "libvpx-vp9":  # 63 is the worst
            crf = str(round(63 - 0.5 * quality))
            return {"crf": crf, "b": "0", "deadline": "good", "cpu-used": "3",
                    "row-mt": "1"}  # fmt: skip
        if self.codec == "libwebp_anim":
            return {"quality": str(quality)}
        return {}


# Players begin before all has arrived; times of the whole are as fine as its parts'.
_MPEG4 = (("movflags", "+faststart"), ("movie_timescale", "90000"))
_H264 = ("libx264", "yuv420p", 2)

FORMATS = {
    ".mp4": Format("MP4", *_H264, container=_MPEG4),
    ".m4v": Format("MP4", *_H264, container=(*_MPEG4, ("brand", "mp42"))),
    ".mov": Format("QuickTime", *_H264, container=_MPEG4),
    ".mkv": Format("Matroska", *_H264),
    ".webm": Format("WebM", "libvpx-vp9", "yuv420p"),
    # Viewers take frames of less than 0.02 s for long ones.
    ".gif": Format(
        "GIF", "gif", "pal8", 1, 65535, (("loop", "0"),), Fraction(1, 100), 2, False
    ),
    ".webp": Format(
        "WebP", "libwebp_anim", "bgra", 1, 16383, (("loop", "0"),), Fraction(1, 1000)
    ),
}

FOLDER = Format("a folder of PNG", "", "", longest=65535, lossy=False)


def format_of(path: str | PathLike[str]) -> Format:
    """What a clip of that name is written as; without a suffix, a folder of pictures.

    Raises:
        ValueError: an unknown suffix.
    """
    path = Path(path)
    if not path.suffix or path.is_dir():
        return FOLDER
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise ValueError(
            f"cannot write {path}: unknown suffix {path.suffix!r}; choose one of: "
            f"{', '.join(FORMATS)}, or a name without suffix for a folder of PNG"
        )
    return found


def fitted_size(path: str | PathLike[str], size: Size) -> Size:
    """(height, width) nearest to `size` that the format of `path` can have: H.264 has
    even sides alone.

    Raises:
        ValueError: an unknown suffix, or a side that is too long for it.
    """
    form = format_of(path)
    multiple = form.multiple
    height, width = (max(1, round(side / multiple)) * multiple for side in size)
    if max(height, width) > form.longest:
        raise ValueError(
            f"frames are {width} x {height} pixels; {form.name} holds {form.longest} a "
            "side; choose a smaller size"
        )
    return height, width


def check_clip_output(
    path: str | PathLike[str], quality: int | None = None, *, again: bool = False
) -> Format:
    """What `path` would be written as, after every check without a frame: the file is
    tried, too.

    Args:
        again: the folder of pictures may be there, if it holds what `paint_clip` wrote.

    Raises:
        ValueError: an unknown suffix, a wrong quality.
        OSError: the folder or the disk cannot take it; or the folder of pictures is
            there and not empty.
    """
    path = Path(path)
    form = format_of(path)
    if quality is not None:
        if not form.lossy:
            raise ValueError(f"{form.name} takes no quality, got {quality}")
        if not isinstance(quality, int) or not 1 <= quality <= 100:
            raise ValueError(
                f"quality must be an integer from 1 to 100, got {quality!r}"
            )
    if form is not FOLDER:
        check_output_file(path)
        return form
    beside = check_writable_folder(path.parent / f"{path.name}.trial")
    check_output_file(beside)
    if path.is_file():
        raise FileExistsError(
            f"cannot write the folder {path}: there is a file of that name; choose "
            "another"
        )
    if path.exists() and not _may_replace(path, again):
        raise FileExistsError(
            f"cannot write the folder {path}: it is there already and not empty; "
            "choose another, or remove it"
        )
    return form


def _may_replace(folder: Path, again: bool) -> bool:
    names = [entry.name for entry in folder.iterdir()]
    numbered = all(name[:-4].isdecimal() and name.endswith(".png") for name in names)
    return not names or (again and numbered)
