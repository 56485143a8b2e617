"""What README.md shows works as it stands there."""

import ast
import re
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network
from paths import REPOSITORY

import jaxnst

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.slow
def test_python_examples_run(monkeypatch, tmp_path, rng):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 2
    picture = jnp.asarray(rng.random((32, 40, 3)), jnp.float32)
    rendered = []

    def small_render(settings, network, content, styles):
        rendered.append(settings)
        return jaxnst.stylize(network, content, styles, steps=1)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jaxnst, "load_network", lambda name: narrow_network())
    monkeypatch.setattr(jaxnst, "load_image", lambda path, size: picture)
    monkeypatch.setattr(jaxnst, "render", small_render)
    for name in ("grid_search", "stylize_batch"):
        short = partial(getattr(jaxnst, name), steps=2)
        monkeypatch.setattr(jaxnst, name, short)
    names: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert rendered == [jaxnst.presets.get("default")]
    assert (tmp_path / "out.png").stat().st_size > 0
    assert names["losses"].shape == (4,)
    assert names["grid"].image.shape == (2, 2, 32, 40, 3)
    assert names["ladder"].image.shape == (5, 32, 40, 3)
    assert names["batch"].image.shape == (2, 32, 40, 3)
    assert np.all(np.isfinite(names["gradient"][0]))


def test_every_preset_is_listed():
    table = README.split("## Presets")[1].split("## ")[0]
    named = set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE))
    assert named == set(jaxnst.presets.NAMES)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_linked_files_exist(link):
    assert (Path(__file__).parents[1] / link).exists()


def test_named_options_exist():
    from jaxnst.pipeline.settings import Settings

    known = re.findall(r"--([a-z][\w-]*)", README)
    fields = {*_fields(Settings), *_options(), "from", "continue", "help"}
    fields.add("quiet")  # pip's
    assert {name.replace("-", "_") for name in known} <= fields


def _options():
    """The fields of what the scripts take from their command lines."""
    for path in (REPOSITORY / "scripts").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name in (
                "Arguments",
                "Common",
                "Measured",
                "Trained",
                "Training",
            ):
                fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
                yield from (field.target.id for field in fields)


def _fields(cls):
    for name, kind in cls.__annotations__.items():
        yield name
        if hasattr(kind, "__dataclass_fields__"):
            yield from _fields(kind)
