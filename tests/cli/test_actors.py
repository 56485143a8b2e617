"""A batch painted by actors, here by a stand-in for what starts them: what becomes of
bad pairs, of actors that die and of a program that is killed."""

import gc
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from networks import narrow_network, picture

import jaxnst
from jaxnst import save_image
from jaxnst.cli import _actors, _ray, batch
from jaxnst.cli._actors import TRIES, Painter, grouped, packed, shared_by
from jaxnst.cli._batch_job import BatchJob
from jaxnst.cli._manifest import Manifest
from jaxnst.cli._pairs import plan
from jaxnst.optimize.result import Result
from scripts import driver

OWN = {"manifest.jsonl", ".manifest.jsonl.lock"}


class Died(BaseException):
    """The process of an actor ends, wherever it is."""


class Engine:
    """One actor in this process; whoever raises `Died` is followed by a new one."""

    actors = 1

    def __init__(self, side_by_side=False):
        self.side_by_side, self.groups = side_by_side, []

    def paint(self, shared, groups):
        begun = Counter()

        def begin(number):
            begun[number] += 1
            return begun[number]

        self.groups += groups
        painter = Painter(lambda: shared, begin)
        for number, group in enumerate(groups):
            told = 0
            while True:
                try:
                    for row, records in enumerate(painter(number, group)):
                        if row == told:  # again what it told before is not passed on
                            told += 1
                            yield json.loads(json.dumps(records))
                    break
                except Died:
                    painter = Painter(lambda: shared, begin)


@pytest.fixture
def painted(monkeypatch):
    """Photographs painted so far, by how bright a corner is; nothing is compiled."""
    found = []

    def render_batch(settings, network, contents, styles, *, terms, **_):
        found.append([int(255 * content[0, 0, 0] + 0.5) for content in contents])
        trace = {"loss": np.array([1.0])}
        finite = [not 50 <= corner < 60 for corner in found[-1]]
        return [
            Result(content, trace, 1, good, 0.0, None)
            for content, good in zip(contents, finite, strict=True)
        ]

    monkeypatch.setattr(jaxnst, "render_batch", render_batch)
    monkeypatch.setattr(_actors, "keep_compiled", lambda: None)
    return found


@pytest.fixture
def here(tmp_path, monkeypatch, painted):
    """Six photographs of two shapes, whose corners are 10, 20, ..., and a painting."""
    monkeypatch.chdir(tmp_path)
    for folder in ("c", "s"):
        Path(folder).mkdir()
    for n in range(6):
        photograph(n, (16, 24) if n < 4 else (24, 16), 10 * n + 10)
    save_image("s/x.png", picture(16, 16))
    return tmp_path


def photograph(n, shape, corner):
    image = np.asarray(picture(*shape, n)).copy()
    image[0, 0] = corner / 255
    save_image(f"c/p{n}.png", image)


@pytest.fixture
def drive(here, monkeypatch, capsys):
    """`jaxnst batch` into the folder "out"; with an engine by its actors."""
    network = narrow_network(depth=1)
    opened = lambda settings, typed: (settings, network, "")  # noqa: E731
    monkeypatch.setattr(batch, "open_network", opened)
    monkeypatch.setattr(_actors, "_SHARES", 1)  # large groups
    monkeypatch.setattr(_actors, "_TOGETHER", 1)  # each chunk's records by themselves
    run = driver(batch, monkeypatch, capsys)

    def drive(*options, engine=None):
        @contextmanager
        def connected(*_, **how):
            yield engine

        monkeypatch.setattr(batch, "connected", connected)
        ray = () if engine is None else ("--ray",)
        given = ("--contents", "c", "--styles", "s", "-o", "out", "--size", "24")
        return run(*given, "--multiple", "8", *ray, *options)

    return drive


def pictures(folder="out"):
    there = (path for path in Path(folder).iterdir() if path.name not in OWN)
    return {path.name: path.read_bytes() for path in there}


def records(folder="out"):
    lines = Path(folder, "manifest.jsonl").read_text().splitlines()
    return {one["output"]: one for one in map(json.loads, lines)}


ALL = {f"p{n}__x.png" for n in range(6)}


def without_time(found):
    return {name: {**one, "time": 0} for name, one in found.items()}


def dies_of(monkeypatch, corner, times):
    """Whoever paints the photograph with that corner dies, so many times."""
    left, own = [None] * times, jaxnst.render_batch

    def render_batch(*arguments, **options):
        result = own(*arguments, **options)
        if left and any(abs(255 * c[0, 0, 0] - corner) < 1 for c in arguments[2]):
            left.pop()
            raise Died
        return result

    monkeypatch.setattr(jaxnst, "render_batch", render_batch)
    return left


def test_actors_make_what_a_batch_makes(drive):
    assert drive("-o", "plain")[0] == 1  # p4 is not finite
    code, out, error = drive(engine=Engine())
    assert code == 1 and "out: 5 of 6 pictures" in out
    assert error.count("error:") == 1 and "the loss was not finite" in error
    assert pictures() == pictures("plain") and len(pictures()) == 5
    assert without_time(records()) == without_time(records("plain"))


def test_an_actor_that_dies_costs_its_group_alone(drive, monkeypatch, painted):
    photograph(4, (24, 16), 70)
    left = dies_of(monkeypatch, 20, times=TRIES - 1)
    code, out, _ = drive("--batch", "2", engine=Engine())
    assert code == 0 and not left and set(pictures()) == ALL
    times = Counter(corner for call in painted for corner in call)
    assert times == {10: TRIES, 20: TRIES, 30: 1, 40: 1, 70: 1, 60: 1}
    lines = Path("out/manifest.jsonl").read_text().splitlines()
    assert len(lines) == 6


def test_a_pair_that_kills_whoever_paints_it_fails_alone(drive, monkeypatch):
    photograph(4, (24, 16), 70)
    dies_of(monkeypatch, 20, times=100)
    engine = Engine()
    code, out, error = drive(engine=engine)
    assert code == 1 and "out: 5 of 6 pictures" in out
    assert f"the process that paints it died {TRIES} times" in error
    assert set(pictures()) == ALL - {"p1__x.png"}
    assert records()["p1__x.png"]["status"] == "failed"
    # What it took with it is tried again, each by itself.
    assert [len(g) for g in map(_actors.pickle.loads, engine.groups)] == [4, 2] + [
        1
    ] * 4


def test_an_error_that_nobody_expects_costs_its_pair_alone(drive, monkeypatch):
    photograph(4, (24, 16), 70)
    own = jaxnst.render_batch

    def render_batch(*arguments, **options):
        if any(abs(255 * c[0, 0, 0] - 30) < 1 for c in arguments[2]):
            raise ZeroDivisionError("by nothing")
        return own(*arguments, **options)

    monkeypatch.setattr(jaxnst, "render_batch", render_batch)
    code, _, error = drive(engine=Engine())
    assert code == 1 and "p2.png in the style of s/x.png: ZeroDivisionError" in error
    assert set(pictures()) == ALL - {"p2__x.png"}


def test_bad_files_fail_alone(drive):
    photograph(4, (24, 16), 70)
    whole = Path("c/p0.png").read_bytes()
    Path("c/p0.png").write_bytes(whole[: len(whole) // 2])
    Path("c/p1.png").write_bytes(b"nothing")
    code, _, error = drive(engine=Engine())
    assert code == 1 and error.count("error:") == 2
    assert set(pictures()) == ALL - {"p0__x.png", "p1__x.png"}


@pytest.mark.parametrize("after", [1, 3])
def test_started_again_it_paints_what_is_missing(after, drive, painted):
    photograph(4, (24, 16), 70)

    class Killed(Engine):
        """Of a program that is killed when it has so many records."""

        def paint(self, shared, groups):
            for number, found in enumerate(super().paint(shared, groups)):
                if number == after:
                    raise Died
                yield found

    with pytest.raises(Died):
        drive(engine=Killed())
    gc.collect()  # the manifest is no longer held
    assert len(records()) == after
    painted.clear()
    code, out, _ = drive(engine=Engine())
    assert code == 0 and f"6 of 6 pictures ({after} from before)" in out
    assert len(painted) == 6 - after and set(pictures()) == ALL
    painted.clear()
    assert drive(engine=Engine())[0] == 0 and not painted


def test_interrupted_it_ends_in_good_order(drive, monkeypatch):
    stop = iter([False, False, True])
    monkeypatch.setattr(batch.PictureBar, "__call__", lambda *_: next(stop))
    code, _, error = drive(engine=Engine())
    assert code == 130 and "the same command goes on" in error
    assert len(records()) == 2


def test_on_gpus_parts_are_those_of_a_batch_there(drive, painted):
    """Several at once, as many whatever is missing, and one batch is one group."""
    engine = Engine(side_by_side=True)
    drive("--batch", "3", engine=engine)
    sizes = [[len(c[0]) for c in _actors.pickle.loads(g)] for g in engine.groups]
    assert sizes == [[2], [2], [2]]
    Path("out/p0__x.png").unlink()
    painted.clear()
    drive("--batch", "3", engine=engine)
    assert painted == [[10, 10], [50, 50]]  # filled up to two; p4 is tried again


@pytest.fixture
def job(here):
    Path("out").mkdir()
    manifest = Manifest(Path("out"))
    settings = jaxnst.presets.default
    settings = replace(settings, geometry=replace(settings.geometry, size=24))
    job = BatchJob(
        settings, narrow_network(depth=1), Path("out"), manifest, None, 8, 1, None,
        None, report_progress=lambda *_: False, side_by_side=False,
    )  # fmt: skip
    yield job
    manifest.close()


def test_groups_are_of_one_shape(job):
    chunks = job.plan(plan("product", Path("c"), Path("s"), Path("out"), ".png"))
    for most, sizes in {1: [1] * 6, 3: [3, 1, 2], 9: [4, 2]}.items():
        groups = grouped(chunks, most, 8)
        assert [len(group) for group in groups] == sizes
        assert [chunk for group in groups for chunk in group] == chunks
        for group in groups:
            assert len({items[0].size for items, _ in group}) == 1


def test_small_pictures_come_back_together(job, monkeypatch):
    chunks = job.plan(plan("product", Path("c"), Path("s"), Path("out"), ".png"))
    pixels = 16 * 24
    shared = shared_by(job)
    for together, counts in {
        1: [1] * 6,
        3 * pixels: [3, 3],
        4 * pixels: [4, 2],
    }.items():
        monkeypatch.setattr(_actors, "_TOGETHER", together)
        found = list(Painter(lambda: shared, lambda number: 1)(0, packed(chunks)))
        assert [len(records) for records in found] == counts
        gave_up = list(Painter(lambda: shared, lambda number: 99)(0, packed(chunks)))
        assert len(gave_up) == len(counts)  # as many when it is begun again
        names = [record["output"] for records in found for record in records]
        assert names == [item.pair.name for items, _ in chunks for item in items]


def test_a_machine_that_cannot_paint_says_why(job):
    shared = shared_by(job)
    for changed, message in (
        ({"version": "0.0.1"}, "has jaxnst .*, the program that began the batch 0.0.1"),
        ({"place": "/nowhere"}, "does not see the folders of the batch"),
        ({"folder": Path("nowhere")}, "there is no folder nowhere"),
    ):
        other = replace(shared, **changed)
        painter = Painter(lambda other=other: other, lambda number: 1)
        with pytest.raises((OSError, ValueError), match=message):
            next(painter(0, packed([])))


# Ray's part that needs no Ray


@pytest.mark.parametrize(
    "options, message",
    [
        (("--actors", "2"), "--actors is for --ray"),
        (("--cores", "2"), "--cores is for --ray"),
        (("--ray", "--cores", "0"), "--cores must be at least 1"),
        (("--ray", "x:1", "--actors", "-1"), "--actors must be at least 1"),
    ],
)
def test_misuse(options, message, drive):
    code, _, error = drive(*options)
    assert code == 2 and message in error


@pytest.fixture
def absent(monkeypatch):
    """Ray as where it is not installed."""

    def import_module(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(_ray, "import_module", import_module)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")


def test_without_ray_one_line_says_what_to_install(here, absent, monkeypatch, capsys):
    run = driver(batch, monkeypatch, capsys)
    code, _, error = run("--contents", "c", "--styles", "s", "-o", "out", "--ray")
    assert code == 1 and error.count("\n") == 1
    assert "pip install 'jaxnst[ray]'" in error and not Path("out").exists()


def fake_ray(nodes=(), init=lambda **_: None):
    alive = [{"Alive": True, "Resources": each} for each in nodes]
    return SimpleNamespace(init=init, nodes=lambda: alive)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_where_nobody_answers_is_said_at_once(address):
    with pytest.raises(OSError, match=f"there is no Ray at {address}: .*refused"):
        _ray._start(fake_ray(), address, debug=True)


def test_ray_that_does_not_start_says_why():
    def init(**_):
        raise RuntimeError("no room for it\nand more")

    with pytest.raises(OSError, match="cannot start Ray: no room for it$"):
        _ray._start(fake_ray(init=init), "local", debug=True)


@pytest.mark.parametrize(
    "nodes, given, wanted",
    [
        # One for each machine, with as many threads as JAX takes there.
        ([{"CPU": 8}, {"CPU": 8}, {}], {}, (2, 2, 8, None)),
        ([{"CPU": 8}], {"actors": 5}, (1, 5, 8, None)),
        ([{"CPU": 8}, {"CPU": 6}], {"cores": 2}, (7, 7, 2, 2)),
        ([{"CPU": 8}], {"cores": 2, "actors": 3}, (3, 3, 2, 2)),
        ([], {}, (1, 1, 1, None)),
        # One for each GPU.
        ([{"CPU": 8, "GPU": 2}, {"CPU": 8, "GPU": 1}], {}, (3, 3, None, None)),
        ([{"CPU": 8, "GPU": 2}], {"actors": 1}, (1, 1, None, None)),
    ],
)
def test_as_many_actors_as_there_is_room_for(nodes, given, wanted):
    engine = _ray._engine(fake_ray(nodes), **{"actors": None, "cores": None} | given)
    assert (engine.actors, engine.most, engine.reserved, engine.threads) == wanted
    assert engine.side_by_side == any("GPU" in each for each in nodes)


def test_more_cores_than_a_machine_has_are_waited_for(capsys):
    engine = _ray._engine(fake_ray([{"CPU": 2}]), None, 4)
    assert engine.actors == 1
    assert "no machine of Ray's has 4 cores" in capsys.readouterr().err
