"""scripts/measure: every script runs from the top of the repository."""

import subprocess
import sys

import pytest
from paths import REPOSITORY

SCRIPTS = sorted((REPOSITORY / "scripts" / "measure").glob("[!_]*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_lists_its_options(path):
    command = [sys.executable, str(path.relative_to(REPOSITORY)), "--help"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert run.returncode == 0, run.stderr
    assert path.name in run.stdout
