"""jaxnst batch --ray: real actors, which die, and a program that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from networks import picture
from paths import REPOSITORY
from stores import contents, put, s3_server

from jaxnst import load_image, save_image
from jaxnst.cli import _actors, _app, _ray
from scripts import driver, imported, write_network

pytestmark = [
    pytest.mark.slow,
    # Of Ray itself: what it does not use any more, and sockets of what it started.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HOW = (
    *("--network", "vgg19", "--weights", "net.h5", "--preset", "gram", "--size", "32"),
    *("--style-layers", "relu1_1", "--content-layers", "relu1_2", "--steps", "2"),
)
FILES = ("--contents", "c", "--styles", "s")
OWN = {"manifest.jsonl", ".manifest.jsonl.lock"}


@pytest.fixture(scope="module")
def bucket():
    """The address of a bucket, which actors find, too; None where S3 cannot be had
    here."""
    if find_spec("s3fs") is None or find_spec("moto") is None:
        yield None
        return
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as address:
        yield address


@pytest.fixture(scope="module")
def ray(bucket):
    """Ray on this machine, with room for two actors of one core each."""
    pytest.importorskip("ray.data", reason="Ray is not installed (extra ray)")
    ray = _ray.import_ray()
    patch = pytest.MonkeyPatch()
    # Actors find what tests/helpers and this checkout hold as this process does.
    patch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), *sys.path]))
    with patch.context() as inside:
        inside.setattr(_ray, "_STORE_BYTES", 100 * 2**20)
        start = ray.init
        inside.setattr(ray, "init", lambda **how: start(num_cpus=2, **how))
        _ray._start(ray, "local", debug=False)
    yield ray
    ray.shutdown()
    patch.undo()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Four photographs and one that is torn, a painting, a network, and in "plain" what
    a batch without Ray makes of them."""
    here = tmp_path_factory.mktemp("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        for folder in ("c", "s"):
            Path(folder).mkdir()
        for name in "abdef":
            save_image(f"c/{name}.png", picture(32, 32, ord(name)))
        whole = Path("c/f.png").read_bytes()
        Path("c/f.png").write_bytes(whole[: len(whole) // 2])
        save_image("s/x.png", picture(32, 32, 2))
        write_network(Path("net.h5"))
        patch.setattr(_app, "keep_compiled", lambda: None)
        patch.setattr(warnings, "showwarning", warnings.showwarning)
        assert _app.run("batch", [*FILES, *HOW, "-o", "plain"]) == 1
    return here


@pytest.fixture
def drive(ray, here, monkeypatch, capsys):
    """`jaxnst batch --ray` into the folder of a name."""
    monkeypatch.chdir(here)
    run = driver(imported(monkeypatch, "batch"), monkeypatch, capsys)
    return lambda name, *more: run(*FILES, *HOW, "-o", name, "--ray", *more)


def pictures(folder):
    there = (path for path in Path(folder).iterdir() if path.name not in OWN)
    return {path.name: path.read_bytes() for path in there}


def records(folder):
    path = Path(folder, "manifest.jsonl")
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def dying(place, deaths, tries):
    """An actor whose process is killed when it has computed the picture of a name in
    `deaths`, as often as that says; a group is begun so many times at most."""
    for name, times in deaths.items():
        for number in range(times):
            (place / f"{name}-dies-{number}").touch()
    own = _ray._Actor

    class Dying(own):
        def __init__(self, shared, counter):
            from jaxnst.cli import _actors
            from jaxnst.cli._batch_job import BatchJob

            super().__init__(shared, counter)
            compute = BatchJob.compute

            def computed_and_killed(job, items, *given):
                results = compute(job, items, *given)
                for item in items:
                    for mark in place.glob(f"{item.pair.name}-dies-*"):
                        mark.unlink()
                        os.kill(os.getpid(), signal.SIGKILL)
                return results

            _actors.TRIES, BatchJob.compute = tries, computed_and_killed

    return Dying


def test_pictures_are_those_of_a_batch_though_actors_are_killed(
    here, drive, monkeypatch
):
    actor = dying(here, {"b__x.png": 1, "d__x.png": 2}, tries=2)
    monkeypatch.setattr(_ray, "_Actor", actor)
    code, out, error = drive("killed", "--json")
    assert code == 1 and not list(here.glob("*-dies-*"))
    answer = json.loads(out)
    assert (answer["painted"], len(answer["failed"])) == (3, 2)
    assert error.count("error:") == 2 and "c/f.png in the style of s/x.png" in error
    assert "c/d.png in the style of s/x.png: the process that paints it died" in error
    wanted = pictures("plain")
    assert wanted.pop("d__x.png") and pictures("killed") == wanted
    assert len(records("killed")) == 5  # nothing twice


def test_a_machine_that_cannot_paint_ends_the_batch(drive, monkeypatch):
    monkeypatch.setattr(_actors, "__version__", "0.0.1")
    code, _, error = drive("other", "--actors", "2", "--cores", "1")
    assert code == 1 and "error: Ray's actors cannot paint: " in error
    assert error.endswith("began the batch 0.0.1; install the same on all machines\n")


def test_killed_it_goes_on_with_what_is_missing(ray, here, drive):
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-m", "jaxnst", "batch", *FILES, *HOW]
    command += ["-o", "out", "--ray", address]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = subprocess.Popen(command, env=environment, **quiet)
    while run.poll() is None and not done("out"):
        time.sleep(0.02)
    run.kill()
    run.wait()
    before = done("out")
    code, out, _ = drive("out")
    assert code == 1 and before >= 1
    assert f"4 of 5 pictures ({before} from before)" in out
    assert pictures("out") == pictures("plain")


def test_actors_paint_from_store_to_store(here, bucket, drive):
    root = bucket or f"file://{here}/store"
    for path in (*Path("c").iterdir(), *Path("s").iterdir()):
        put(f"{root}/{path}", path.read_bytes())
    given = ("--contents", f"{root}/c", "--styles", f"{root}/s", "-o", f"{root}/out")
    code, out, error = drive("unused", *given)
    assert code == 1 and "4 of 5 pictures" in out
    assert f"cannot read {root}/c/f.png: " in error and error.count("\n") == 1
    there = contents(f"{root}/out")
    for name in pictures("plain"):
        Path("got.png").write_bytes(there[name])
        wanted = load_image(f"plain/{name}")
        np.testing.assert_array_equal(load_image("got.png"), wanted)
        assert f"manifest/done/{name}.json" in there
    assert "4 of 5 pictures (4 from before)" in drive("unused", *given)[1]


def done(folder):
    return sum(one["status"] == "done" for one in records(folder))
