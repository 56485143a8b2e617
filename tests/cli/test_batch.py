"""jaxnst batch: whole folders, whatever happens to a few of the files."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from networks import picture
from paths import REPOSITORY

import jaxnst
from jaxnst import load_image, save_image
from jaxnst.cli._progress import PictureBar
from jaxnst.images import read_metadata
from scripts import driver, imported, write_network

LAYERS = ("--content-layers", "relu2_1", "--style-layers", "relu1_1", "relu2_1")
SMALL = ("--size", "24", "--coarsest", "12", "--margin", "2", "--steps", "4", "3")
WITH = ("--weights", "net.h5", *LAYERS, *SMALL, "--multiple", "8", "--batch", "3")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Four photographs of two shapes, two paintings."""
    monkeypatch.chdir(tmp_path)
    write_network(tmp_path / "net.h5", depth=3)
    for folder in ("c", "s"):
        Path(folder).mkdir()
    for name, (height, width) in {
        "a": (32, 48),
        "b": (30, 48),
        "d": (48, 30),
        "e": (32, 48),
    }.items():
        save_image(f"c/{name}.png", picture(height, width, ord(name)))
    save_image("s/x.png", picture(30, 40, 1))
    save_image("s/y.png", picture(44, 30, 2))
    return tmp_path


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "batch")


@pytest.fixture
def drive(script, here, monkeypatch, capsys):
    run = driver(script, monkeypatch, capsys)

    def drive(*options, contents="c", styles="s"):
        folders = ("--contents", contents, "--styles", styles)
        return run(*folders, *WITH, "-o", "out", *options)

    return drive


OWN = {"manifest.jsonl", ".manifest.jsonl.lock"}


def pictures(folder="out"):
    """{name: bytes} of everything in a folder but the manifest and its lock."""
    return {
        path.name: path.read_bytes()
        for path in Path(folder).iterdir()
        if path.name not in OWN
    }


def records(folder="out"):
    text = Path(folder, "manifest.jsonl").read_text()
    return {one["output"]: one for one in map(json.loads, text.splitlines())}


ALL = {f"{content}__{style}.png" for content in "abde" for style in "xy"}


@pytest.mark.slow
def test_every_pair_is_what_it_would_be_alone(drive):
    code, out, error = drive("--multiple", "1", "--format", "tif")
    assert code == 0 and "out: 8 of 8 pictures" in out and "error" not in error
    assert set(pictures()) == {name.replace("png", "tif") for name in ALL}
    for name in ("a__x.tif", "d__y.tif"):
        stored = read_metadata(f"out/{name}")
        settings = jaxnst.Settings.from_json(stored["settings"])
        network = jaxnst.load_network("vgg19", weights="net.h5")
        content, style = (
            load_image(stored["content"], size=24),
            load_image(stored["styles"][0], size=24),
        )
        own = jaxnst.render(settings, network, content, [style])
        np.testing.assert_allclose(load_image(f"out/{name}"), own.image, atol=1e-3)
        record = records()[name]
        assert record["status"] == "done" and record["steps"] == 7
        assert record["final"]["loss"] == pytest.approx(own.trace["loss"][-1], rel=1e-3)


@pytest.mark.slow
def test_pictures_have_the_photographs_own_aspect(drive):
    assert drive()[0] == 0
    sizes = {name: load_image(f"out/{name}").shape[:2] for name in pictures()}
    assert sizes["a__x.png"] == (16, 24) and sizes["b__x.png"] == (15, 24)
    assert sizes["d__y.png"] == (24, 15)


@pytest.mark.slow
def test_started_again_only_what_is_missing(drive, monkeypatch):
    assert drive()[0] == 0
    before = pictures()
    Path("out/a__x.png").unlink()
    Path("out/d__y.png").write_bytes(b"damaged")
    painted = []
    own = jaxnst.render_batch

    def render_batch(*arguments, **options):
        painted.append(len(arguments[2]))
        return own(*arguments, **options)

    monkeypatch.setattr(jaxnst, "render_batch", render_batch)
    code, out, _ = drive()
    assert code == 0 and "8 of 8 pictures (6 from before)" in out
    assert len(painted) == 2 and pictures() == before
    painted.clear()
    assert drive()[0] == 0 and not painted
    save_image("s/y.png", picture(44, 30, 3))
    code, out, _ = drive()
    assert code == 0 and "(4 from before)" in out
    code, out, _ = drive("--beta", "3")
    assert "from before" not in out


@pytest.mark.slow
def test_bad_files_cost_themselves_alone(drive):
    assert drive()[0] == 0
    good = pictures()
    Path("c/bad.png").write_bytes(b"\x89PNG nothing")
    whole = Path("c/a.png").read_bytes()
    Path("c/torn.png").write_bytes(whole[: len(whole) // 2])
    save_image("c/tiny.png", picture(1, 48))
    code, out, error = drive("-o", "other")
    assert code == 1 and "other: 10 of 14 pictures" in out
    there = pictures("other")
    assert {name: there[name] for name in good} == good
    assert load_image("other/tiny__x.png").shape == (1, 24, 3)
    for name in ("bad", "torn"):
        assert error.count(f"c/{name}.png in the style of") == 2
        record = records("other")[f"{name}__x.png"]
        assert record["status"] == "failed" and f"{name}.png" in record["error"]
    Path("c/torn.png").write_bytes(whole)
    Path("c/bad.png").unlink()
    code, out, error = drive("-o", "other")
    assert code == 0 and "other: 12 of 12 pictures (10 from before)" in out


@pytest.mark.slow
def test_two_hundred_pairs_with_five_bad_files_among_them(drive):
    whole = Path("c/a.png").read_bytes()
    for n in range(200):
        Path(f"c/n{n:03d}.png").write_bytes(whole)
    Path("c/n010.png").write_bytes(b"no picture")
    Path("c/n055.png").write_bytes(whole[:200])
    Path("c/n100.png").unlink()
    Path("c/n133.png").unlink()
    Path("c/n133.png").mkdir()
    Path("c/n199.png").write_bytes(b"")
    rows = [f"n{n:03d}.png,{'xy'[n % 2]}.png,p{n:03d}\n" for n in range(200)]
    Path("l.csv").write_text("content,style,output\n" + "".join(rows))
    code, out, error = drive("--pairs", "l.csv", "--batch", "32")
    assert code == 1 and "out: 195 of 200 pictures" in out
    assert error.count("error: c/n") == 5
    bad = {f"p{n:03d}.png" for n in (10, 55, 100, 133, 199)}
    assert {n for n, one in records().items() if one["status"] == "failed"} == bad
    assert len(pictures()) == 195 and not bad & set(pictures())


def test_numbers_of_their_own_and_one_that_is_not_finite(drive):
    Path("l.csv").write_text(
        "content,style,beta,alpha,output\n"
        "a.png,x.png,3,,mild\n"
        "a.png,x.png,100,,strong\n"
        "a.png,x.png,3,3e38,wild\n"
        "a.png,x.png,-1,,wrong\n"
    )
    code, out, error = drive("--pairs", "l.csv", "--batch", "4")
    assert code == 1 and "out: 2 of 4 pictures" in out
    assert set(pictures()) == {"mild.png", "strong.png"}
    assert records()["wild.png"]["error"].startswith("the loss was not finite")
    assert "beta must be finite and at least 0" in records()["wrong.png"]["error"]
    beta = read_metadata("out/strong.png")["settings"]["terms"]["beta"]
    assert beta == 100 and pictures()["mild.png"] != pictures()["strong.png"]


@pytest.mark.parametrize("line", [False, True])
def test_a_full_disk_costs_what_did_not_fit(line, drive, monkeypatch):
    from jaxnst.cli import _batch_job

    own, manifest_own = _batch_job.images.save_image, _batch_job.Manifest.append

    def full(path, *arguments, **options):
        if not line and Path(path).name == "b__y.png":
            raise OSError(28, "No space left on device", str(path))
        return own(path, *arguments, **options)

    def append(self, record):
        if line and record["output"] == "b__y.png":
            raise OSError(28, "No space left on device")
        manifest_own(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(_batch_job.images, "save_image", full)
        patch.setattr(_batch_job.Manifest, "append", append)
        code, out, error = drive()
    assert code == 1 and "7 of 8" in out and "No space left on device" in error
    assert "c/b.png in the style of s/y.png" in error
    code, out, _ = drive()
    assert code == 0 and "(7 from before)" in out and set(pictures()) == ALL


def test_interrupted_it_goes_on(drive, monkeypatch):
    own, count = PictureBar.__call__, []

    def told(self, done, failed):
        count.append(1)
        if len(count) == 12:
            os.kill(os.getpid(), signal.SIGINT)
        return own(self, done, failed)

    with monkeypatch.context() as patch:
        patch.setattr(PictureBar, "__call__", told)
        code, out, error = drive()
    assert code == 130 and "the same command goes on" in error
    assert 0 < len(pictures()) < 8
    code, out, _ = drive()
    assert code == 0 and set(pictures()) == ALL


@pytest.mark.parametrize(
    ("options", "said", "wanted"),
    [
        (("--batch", "0"), "--batch must be at least 1", 2),
        (("--multiple", "0"), "--multiple must be at least 1", 2),
        (("--budget", "0"), "--budget must be above 0", 2),
        (("--init", "a.png"), "--init must be one of", 2),
        (("--blend", "1", "2"), "leave --style-mix", 2),
        (("--quality", "50"), "quality", 1),
        (("--pairs", "some"), "--pairs must be", 2),
        (("--network", "vgg99"), "vgg99", 1),
        (("-o", "c"), "would lie among the pictures of c", 2),
        (("-o", "net.h5"), "there is a file of that name; choose another folder", 1),
        (("--contents", "absent"), "there is no absent", 1),
    ],
)
def test_misuse_says_how_to_mend_it(options, said, wanted, drive):
    code, _, error = drive(*options)
    assert code == wanted and said in error
    assert not Path("out").exists() and not Path("c/manifest.jsonl").exists()


def test_too_little_memory_is_said_for_each(drive):
    code, out, error = drive("--budget", "1e-5")
    assert code == 1 and "0 of 8" in out and error.count("out of memory") == 8


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_pictures(drive, here):
    for n in range(6):
        save_image(f"c/more{n}.png", picture(32, 48, n))
    assert drive("-o", "undisturbed")[0] == 0
    command = [sys.executable, str(REPOSITORY / "scripts" / "batch.py"), *WITH]
    command += ["--contents", "c", "--styles", "s", "-o", "out"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    chance, kills = random.Random(7), 0

    def names():
        """Without a look inside: what is being written is renamed at any moment."""
        return {p.name for p in Path("out").glob("*")} - OWN

    for _ in range(12):
        began, before = time.monotonic(), names()
        run = subprocess.Popen(command, **quiet)
        # From the first sign of life of this run on, after a random while.
        while run.poll() is None and time.monotonic() - began < 60:
            if names() - before:
                break
            time.sleep(0.002)
        time.sleep(chance.random() * 0.3)
        run.kill()
        run.communicate()
        kills += run.returncode == -signal.SIGKILL
        for line in Path("out/manifest.jsonl").read_text().splitlines():
            if '"done"' in line and line.endswith("}"):
                name = json.loads(line)["output"]
                assert load_image(f"out/{name}").ndim == 3
        if run.returncode == 0:
            break
    done = subprocess.run(command, **quiet)
    assert done.returncode == 0, done.stderr
    assert kills >= 3 and pictures() == pictures("undisturbed")
