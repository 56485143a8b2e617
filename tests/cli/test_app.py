"""What the command lines share, apart from what they do."""

import stat
from pathlib import Path

import jax
import platformdirs
import pytest

from jaxnst.cli import _app


@pytest.fixture
def cli():
    return _app


@pytest.fixture
def settings(monkeypatch):
    """What is set of JAX, without its being set."""
    found: dict[str, object] = {}
    monkeypatch.setattr(jax.config, "update", found.__setitem__)
    return found


def test_compiled_code_is_kept_in_a_private_folder(
    cli, settings, monkeypatch, tmp_path
):
    cache = tmp_path / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(cache / name))
    cli.keep_compiled()
    folder = Path(str(settings["jax_compilation_cache_dir"]))
    assert folder.is_relative_to(cache / "jaxnst")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_home_that_cannot_be_written_to_is_no_error(
    cli, settings, monkeypatch, tmp_path
):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(
        platformdirs, "user_cache_dir", lambda name: str(tmp_path / "file" / name)
    )
    cli.keep_compiled()
    assert not settings
