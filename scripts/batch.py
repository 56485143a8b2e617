"""Paint whole folders: every photograph like every painting, many at a time.

    python scripts/batch.py --contents PHOTOS --styles PAINTINGS -o DIR

Started again, the same command paints what is missing in DIR, and what was made from
other files or settings. DIR/manifest.jsonl has a line for every picture: its files,
settings and checksum, or what went wrong.
"""

import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from _batch import Painting
from _cli import Common, fail, run
from _manifest import Manifest
from _network import obtain, obtain_decoder
from _options import preset_settings
from _pairs import plan
from tqdm import tqdm

from jaxnst import images
from jaxnst.settings import Settings
from jaxnst.start import FEEDFORWARD, INITS

_BAR = (
    "{l_bar}{bar}| {n:.1f} of {total_fmt} [{elapsed}<{remaining}, "
    "{rate_noinv_fmt}{postfix}]"
)


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for pictures and manifest."""
    contents: Path | None = None
    """Folder of photographs."""
    styles: Path | None = None
    """Folder of paintings."""
    pairs: Annotated[str, tyro.conf.arg(metavar="product|zip|FILE.csv")] = "product"
    """Every photograph like every painting; the first like the first and so on; or a
    table with columns content and style, and if wanted alpha, beta, tv and output."""
    format: Literal["png", "jpg", "webp", "tif"] = "png"
    """Of the pictures."""
    quality: int | None = None
    """1 to 100, of JPEG (95) or lossy WebP."""
    batch: int = 8
    """Pictures in one compiled call at most; fewer where memory demands it, and on a
    CPU, which is fastest with two unless they are small."""
    multiple: int = 32
    """Photographs are continued, mirrored, to sides that are multiples of this, and
    pictures cut to their own size; paintings are resized to such sides. Larger: fewer
    shapes to compile."""
    budget: float | None = None
    """GiB of memory to use; four fifths of what is free if not given."""
    fast: bool = False
    """One pass of a trained network for each picture instead of an optimisation. Short
    for --preset encoder-transformer."""
    settings: Settings = field(default_factory=Settings)


def defaults() -> Any:
    """Options as the preset that the command line names has them."""
    return Arguments(output=tyro.MISSING, settings=preset_settings())


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise cost every single picture."""
    for name in ("batch", "multiple"):
        if getattr(arguments, name) < 1:
            raise ValueError(
                f"--{name} must be at least 1, got {getattr(arguments, name)}"
            )
    if arguments.budget is not None and not arguments.budget > 0:
        raise ValueError(f"--budget must be above 0, got {arguments.budget}")
    settings = arguments.settings
    starts = (*INITS, FEEDFORWARD)
    if settings.optimization.init not in starts:
        raise ValueError(f"--init must be one of {', '.join(starts)} for a batch")
    if settings.blend is not None:
        raise ValueError("a picture of a batch has one painting; leave --blend")
    arguments.output.mkdir(parents=True, exist_ok=True)
    example = arguments.output / f"a.{arguments.format}"
    images.check_output(example, arguments.quality)


class Bar:
    """One line: pictures, pictures a second, time left; and Ctrl-C."""

    def __init__(self, total: int) -> None:
        self.bar = tqdm(
            total=total,
            unit=" pictures",
            disable=None,
            dynamic_ncols=True,
            bar_format=_BAR,
        )
        self.interrupted = False

    def __enter__(self) -> "Bar":
        self.before = signal.signal(signal.SIGINT, self.interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self.before)
        self.bar.close()

    def interrupt(self, *_: object) -> None:
        """On the first Ctrl-C end in good order, on the second at once."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.bar.write("stopping after this call; Ctrl-C again stops now", sys.stderr)

    def __call__(self, done: float, failed: int) -> bool:
        if failed:
            self.bar.set_postfix(failed=failed, refresh=False)
        if not self.bar.n:  # what was there before is no work of this run
            self.bar.initial = done
        self.bar.update(done - self.bar.n)
        return self.interrupted


def clean(folder: Path) -> None:
    """Remove what a run that was killed had not finished writing."""
    for path in folder.glob(".*.part.*"):
        path.unlink(missing_ok=True)


def main(arguments: Arguments) -> int:
    check(arguments)
    folder, budget = arguments.output, arguments.budget
    given = arguments.pairs, arguments.contents, arguments.styles
    pairs = plan(*given, folder, f".{arguments.format}")
    manifest = Manifest(folder)  # from here on DIR is ours alone
    clean(folder)
    settings, network = obtain(arguments.settings)
    decoder = obtain_decoder(settings)
    began = time.perf_counter()
    with Bar(len(pairs)) as bar:
        painting = Painting(
            settings,
            network,
            folder,
            manifest,
            arguments.quality,
            arguments.multiple,
            arguments.batch,
            None if budget is None else int(budget * 2**30),
            decoder,
            tell=bar,
        )
        painting.run(pairs)
    manifest.close()
    rate = painting.painted / (time.perf_counter() - began)
    there = painting.before + painting.painted
    earlier = f" ({painting.before} from before)" if painting.before else ""
    print(f"{folder}: {there} of {len(pairs)} pictures{earlier}, {rate:.2f} pictures/s")
    for pair, said in painting.failed:
        fail(f"{pair}: {said}", 1)
    if painting.stopped:
        return fail("interrupted; the same command goes on", 130)
    return 1 if painting.failed else 0


if __name__ == "__main__":
    sys.exit(run(Arguments, main, defaults))
