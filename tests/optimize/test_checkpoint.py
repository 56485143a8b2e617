"""A run that goes on from a file ends as the one that was not interrupted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import serialization
from networks import narrow_network, picture

from jaxnst import Config, stylize_pyramid
from jaxnst._checksum import read_checksummed, write_checksummed
from jaxnst.optimize import optimizers
from jaxnst.optimize.checkpoint import load_checkpoint, save_checkpoint

NETWORK = narrow_network(depth=3)
CONTENT, STYLE = picture(24, 20), picture(18, 26, 1)
CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
HOW = {"levels": (0.5, 1.0), "steps": (5, 6), "margin": 2, "config": CONFIG}
ABOUT = {"settings": {"beta": 3}, "pictures": ["a", "b"]}
GUIDED = Config(
    content_layers=("relu1_1", "relu2_1"),
    style_layers=("relu1_1", "relu2_1"),
    statistic="nearest",
    hypercolumns="raw",
    samples=64,
    guide=0.5,
)
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


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> bytes:
    """A checkpoint after 7 of 11 steps."""
    path = tmp_path_factory.mktemp("saved") / "run.checkpoint"

    def callback(progress):
        if progress.step == 7:
            save_checkpoint(path, progress.result(), ABOUT)
            return True

    run(callback=callback, every=1)
    return path.read_bytes()


@pytest.fixture
def path(saved, tmp_path):
    (tmp_path / "run.checkpoint").write_bytes(saved)
    return tmp_path / "run.checkpoint"


def held_in(path):
    return serialization.msgpack_restore(read_checksummed(path))


def hold(path, held, checksum=True):
    """Write a checkpoint, or one as an earlier version wrote it, without checksum."""
    data = serialization.msgpack_serialize(held)
    if checksum:
        write_checksummed(path, data)
    else:
        path.write_bytes(data)


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


def test_the_neighbours_of_a_level_are_in_the_checkpoint(tmp_path):
    """Looked for anew, they would be those of the image as it is by then."""
    path, config = tmp_path / "run.checkpoint", {"config": GUIDED}
    whole = run(**config)

    def callback(progress):
        save_checkpoint(path, progress.result(), ABOUT)
        return progress.step == 8

    run(callback=callback, every=1, **config)
    optimizer = OPTIMIZERS["adam"]
    before = load_checkpoint(path, ABOUT, optimizer, averaging=True, guided=True)
    assert len(set(np.asarray(before.state.neighbours).tolist())) > 3
    result = run(resume=before, **config)
    np.testing.assert_array_equal(result.image, whole.image)
    with pytest.raises(ValueError, match="optimizer, ema or guide"):
        load_checkpoint(path, ABOUT, optimizer, averaging=True)


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
    with pytest.raises(ValueError, match="optimizer, ema or guide"):
        load(path, name="lbfgs")
    with pytest.raises(ValueError, match="optimizer, ema or guide"):
        load(path, averaging=False)


def test_missing_truncated_and_foreign_files(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    data = path.read_bytes()
    for length in (0, 1, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="remove it to begin anew"):
            load(path)


def test_every_changed_byte_is_noticed(path):
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), len(data) // 200):
        data[place] ^= 0x10
        path.write_bytes(data)
        with pytest.raises(ValueError, match="remove it to begin anew"):
            load(path)
        data[place] ^= 0x10
    path.write_bytes(data)
    assert load(path).steps == 7


def test_one_of_an_earlier_version_is_read(path):
    expected = load(path)
    hold(path, held_in(path), checksum=False)
    assert not path.read_bytes().startswith(b"jaxnst")
    result = load(path)
    np.testing.assert_array_equal(result.image, expected.image)
    assert jax.tree.all(jax.tree.map(np.array_equal, result.state, expected.state))
    assert result.steps == expected.steps


def nan_in(leaf):
    """The state's leaf of that number with a NaN in it."""

    def edit(held):
        leaves = [np.array(leaf) for leaf in held["state"]]
        leaves[leaf].flat[0] = np.nan
        return {"state": leaves}

    return edit


def put(**new):
    return lambda held: new


DAMAGE = {
    "format": put(format="jaxnst.other"),
    "no JSON": put(description="{"),
    "a list as description": put(description="[]"),
    "a number as description": put(description="3"),
    "a very deep description": put(description="[" * 100_000),
    "no text as description": put(description=None),
    "more steps": put(steps=8),
    "steps that are text": put(steps="7"),
    "no state": put(state=[]),
    "another state": put(state=[np.zeros((2, 2), np.float32)]),
    "numbers as state": put(state=[1, 2.0, "a"]),
    "short traces": put(trace={"loss": np.zeros(3, np.float32)}),
    "traces of texts": put(trace={"loss": ["a"] * 7}),
    "traces of numbers": put(trace={3: np.zeros(7, np.float32)}),
    "no traces": put(trace=None),
    "no picture": put(image={"a": 1}),
    "a picture of NaN": put(image=np.full((12, 10, 3), np.nan, np.float32)),
    "a flat picture": put(image=np.zeros(3, np.float32)),
    "an empty picture": put(image=np.zeros((0, 0, 3), np.float32)),
    "seconds": put(seconds=float("nan")),
    "NaN in the state's picture": nan_in(0),
    "NaN in the average": nan_in(-4),
    "NaN in log beta": nan_in(-1),
}


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("what", DAMAGE)
def test_contents_that_do_not_fit_together(what, checksum, path):
    held = held_in(path)
    hold(path, held | DAMAGE[what](held), checksum)
    with pytest.raises(ValueError, match="remove it to begin anew") as caught:
        load(path)
    assert str(path) in str(caught.value)
    del held["seconds"]
    hold(path, held, checksum)
    with pytest.raises(ValueError, match="remove it to begin anew"):
        load(path)


def test_the_average_lies_where_the_test_damages_it(path):
    state = load(path).state
    leaves = jax.tree.leaves(state)
    assert leaves[0] is state.image and leaves[-4] is state.ema
    assert leaves[-1] is state.log_beta


@pytest.mark.parametrize("trace", [{"other": np.zeros(7, np.float32)}, None])
def test_terms_of_another_objective_are_refused(trace, path):
    held = held_in(path)
    loss = {"loss": held["trace"]["loss"]}
    hold(path, held | {"trace": held["trace"] | trace if trace else loss})
    before = load(path)
    with pytest.raises(
        ValueError, match=r"other terms than this run \((content|other)"
    ):
        run(resume=before)


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
