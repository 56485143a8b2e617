"""A run that goes on from a file ends as the one that was not interrupted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import serialization
from networks import narrow_network, picture

from jaxnst import Config, stylize_pyramid
from jaxnst.optimize import optimizers
from jaxnst.optimize.checkpoint import load_checkpoint, save_checkpoint

NETWORK = narrow_network(depth=3)
CONTENT, STYLE = picture(24, 20), picture(18, 26, 1)
CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
HOW = {"levels": (0.5, 1.0), "steps": (5, 6), "margin": 2, "config": CONFIG}
ABOUT = {"settings": {"beta": 3}, "pictures": ["a", "b"]}
OPTIMIZERS = {
    "adam": optimizers.adam(0.02),
    "falling adam": optimizers.get("adam", lr_decay=(3, 11)),
    "lbfgs": optimizers.get("lbfgs", None, history=4),
}


def run(name="adam", ema=0.9, **options):
    optimizer = OPTIMIZERS[name]
    options = HOW | options
    return stylize_pyramid(
        NETWORK, CONTENT, STYLE, optimizer=optimizer, ema=ema, **options
    )


@pytest.fixture
def path(tmp_path):
    """A checkpoint after 7 of 11 steps."""
    path = tmp_path / "run.checkpoint"

    def callback(progress):
        if progress.step == 7:
            save_checkpoint(path, progress.result(), ABOUT)
            return True

    run(callback=callback, every=1)
    return path


def load(path, description=ABOUT, name="adam", averaging=True):
    return load_checkpoint(path, description, OPTIMIZERS[name], averaging=averaging)


@pytest.mark.parametrize(
    ("name", "ema"),
    [
        ("adam", 0.9),
        ("falling adam", None),
        pytest.param("lbfgs", None, marks=pytest.mark.slow),
        pytest.param("adam", None, marks=pytest.mark.slow),
    ],
)
def test_the_end_is_the_same_bit_for_bit(name, ema, tmp_path):
    whole = run(name, ema)
    files = {}

    def callback(progress):
        files[progress.step] = tmp_path / f"{progress.step}"
        save_checkpoint(files[progress.step], progress.result(), ABOUT)

    run(name, ema, callback=callback, every=1)
    for step in (2, 5, 7, 11):  # within a level, between two, at the end
        before = load(files[step], ABOUT, name, ema is not None)
        assert before.steps == step
        result = run(name, ema, resume=before)
        np.testing.assert_array_equal(result.image, whole.image)
        assert result.steps == 11
        for term, values in whole.trace.items():
            np.testing.assert_array_equal(result.trace[term], values)
        alike = jax.tree.map(np.array_equal, result.state, whole.state)
        assert all(jax.tree.leaves(alike))


def test_what_is_done_is_not_done_again(path):
    seen = []
    run(resume=load(path), callback=lambda p: seen.append((p.step, p.steps)), every=1)
    assert seen == [(8, 11), (9, 11), (10, 11), (11, 11)]


def test_a_checkpoint_does_not_disturb_the_run():
    kept = []
    watched = run(callback=lambda p: kept.append(p.result()), every=1)
    np.testing.assert_array_equal(watched.image, run().image)
    assert [one.steps for one in kept] == list(range(1, 12))
    assert kept[1].trace["loss"].shape == (2,)
    np.testing.assert_array_equal(kept[-1].image, watched.image)


def test_another_run_is_named(path):
    with pytest.raises(ValueError, match="other pictures; give the same, or remove"):
        load(path, ABOUT | {"pictures": ["a", "c"]})
    with pytest.raises(ValueError, match="optimizer or ema"):
        load(path, name="lbfgs")
    with pytest.raises(ValueError, match="optimizer or ema"):
        load(path, averaging=False)


def test_missing_truncated_and_foreign_files(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    data = path.read_bytes()
    for length in (0, 1, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="remove it to begin anew"):
            load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "jaxnst.other"),
        ("description", "{"),
        ("steps", 8),
        ("state", []),
        ("state", [np.zeros((2, 2), np.float32)]),
        ("trace", {"loss": np.zeros(3, np.float32)}),
        ("image", {"a": 1}),
    ],
)
def test_contents_that_do_not_fit_together(name, value, path):
    held = serialization.msgpack_restore(path.read_bytes())
    path.write_bytes(serialization.msgpack_serialize(held | {name: value}))
    with pytest.raises(ValueError, match="remove it to begin anew"):
        load(path)


def test_a_full_disk_leaves_the_one_before(path, monkeypatch):
    before = path.read_bytes()
    result = load(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, result, ABOUT)
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


def test_a_state_for_other_sizes_is_refused(path):
    before = load(path)
    with pytest.raises(ValueError, match="state is of another run"):
        stylize_pyramid(
            NETWORK,
            jnp.pad(CONTENT, ((0, 4), (0, 0), (0, 0))),
            STYLE,
            optimizer=OPTIMIZERS["adam"],
            ema=0.9,
            resume=before,
            **HOW,
        )
