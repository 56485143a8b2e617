"""A batch shared by several machines: each its part, nothing lost, nothing twice."""

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml
from networks import picture
from paths import REPOSITORY

from jaxnst import save_image
from jaxnst.cli import COMMANDS, _app, _batch_job
from jaxnst.cli._batch_status import read_status
from jaxnst.cli._commands import command as module_of
from jaxnst.cli._manifest import Manifest
from jaxnst.cli._pairs import plan
from jaxnst.cli._parser import Misuse
from jaxnst.cli._shard import Shard, parse_shard
from scripts import driver, imported, write_network

NAMES = [f"photo{n}__painting.png" for n in range(1000)]

SLURM = {
    "SLURM_ARRAY_TASK_ID": "5",
    "SLURM_ARRAY_TASK_COUNT": "4",
    "SLURM_ARRAY_TASK_MIN": "2",
    "SLURM_ARRAY_TASK_MAX": "5",
}


def test_every_picture_has_one_share_and_shares_are_alike():
    shares = Counter(
        index for name in NAMES for index in range(1, 9) if Shard(index, 8).has(name)
    )
    assert sum(shares.values()) == len(NAMES) and set(shares) == set(range(1, 9))
    assert max(shares.values()) < 1.5 * min(shares.values())
    assert all(Shard(1, 1).has(name) for name in NAMES)


@pytest.mark.parametrize(
    "text, environment, wanted",
    [
        ("2/8", {}, Shard(2, 8)),
        ("2/8", SLURM, Shard(2, 8)),
        ("auto", SLURM, Shard(2, 4)),
        ("auto/6", SLURM, Shard(6, 6)),
        ("auto/3", {"JOB_COMPLETION_INDEX": "0"}, Shard(1, 3)),
    ],
)
def test_which_share(text, environment, wanted):
    assert parse_shard(text, environment) == wanted


@pytest.mark.parametrize("first", [0, 1, 7])
def test_tasks_of_an_array_have_shares_of_their_own(first):
    found = {
        parse_shard("auto/4", {"SLURM_ARRAY_TASK_ID": str(first + n)}).index
        for n in range(4)
    }
    assert found == {1, 2, 3, 4}


@pytest.mark.parametrize(
    "text, environment, message",
    [
        ("3", {}, "must be I/N"),
        ("0/8", {}, "from 1 to N"),
        ("9/8", {}, "from 1 to N"),
        ("-1/8", {}, "must be I/N"),
        ("auto", {}, "--shard auto/N"),
        ("auto/8", {}, "neither of which is set"),
        ("auto/0", SLURM, "at least one share"),
        ("auto", SLURM | {"SLURM_ARRAY_TASK_MAX": "9"}, "with gaps"),
        ("auto/2", {"JOB_COMPLETION_INDEX": "x"}, "whole number"),
    ],
)
def test_what_is_no_share(text, environment, message):
    with pytest.raises(Misuse, match=message):
        parse_shard(text, environment)


@pytest.fixture
def drive(tmp_path, monkeypatch, capsys):
    """`jaxnst batch` of three photographs and two paintings into the folder "out"."""
    monkeypatch.chdir(tmp_path)
    for folder, count in (("photos", 3), ("paintings", 2)):
        Path(folder).mkdir()
        for n in range(count):
            save_image(f"{folder}/{n}.png", picture(32, 32, 3 * count + n))
    write_network(Path("narrow.h5"))
    script = imported(monkeypatch, "batch")
    run = driver(script, monkeypatch, capsys)
    given = ("--contents", "photos", "--styles", "paintings", "-o", "out")
    how = ("--network", "vgg19", "--weights", "narrow.h5", "--preset", "gram")
    how += ("--style-layers", "relu1_1", "--content-layers", "relu1_2", "--steps", "1")
    return lambda *options: run(*given, *how, "--size", "32", *options)


def test_shares_make_the_whole_batch(drive, monkeypatch):
    for n in (1, 2, 3):
        assert drive("--shard", f"{n}/3")[0] == 0
        assert Path(f"out/manifest-{n}-of-3.jsonl").exists()
    parts = {path.name: path.read_bytes() for path in Path("out").glob("*.png")}
    assert drive("-o", "whole")[0] == 0
    whole = {path.name: path.read_bytes() for path in Path("whole").glob("*.png")}
    assert len(parts) == 6 and parts == whole
    # A batch of all finds all of it done, and so do shares cut another way.
    monkeypatch.setattr(_batch_job.BatchJob, "compute", None)
    code, out, _ = drive("--json")
    answer = json.loads(out)
    assert (code, answer["painted"], answer["done_before"]) == (0, 0, 6)
    assert drive("--shard", "1/2")[0] == 0


def test_status_joins_the_manifests(drive):
    assert "0 of 6 pictures done, 0 failed, 6 missing" in drive("--status")[1]
    assert not Path("out").exists()
    assert drive("--shard", "1/2")[0] == 0
    Path("photos/2.png").write_bytes(b"no picture")
    assert drive("--shard", "2/2")[0] == 1
    code, out, _ = drive("--status", "--json")
    answer = json.loads(out)
    pairs = plan("product", Path("photos"), Path("paintings"), Path("out"), ".png")
    done = {p.name for p in pairs if Path("out", p.name).exists()}
    assert code == 0 and answer["done"] == len(done) and answer["missing"] == 0
    assert len(answer["failed"]) == 6 - len(done) > 0
    assert all("2.png" in one["pair"] for one in answer["failed"])
    share = json.loads(drive("--status", "--json", "--shard", "1/2")[1])
    assert share["pictures"] == sum(Shard(1, 2).has(p.name) for p in pairs)


def test_the_rate_is_of_the_latest(tmp_path):
    pairs = plan_of_names(tmp_path)
    manifest = Manifest(tmp_path)
    for second, pair in enumerate(pairs):
        (tmp_path / pair.name).touch()
        record = {"output": pair.name, "status": "done"}
        # An hour's pause after the first.
        manifest.append(record | {"time": 0.0 if not second else 3600 + second / 4})
    manifest.close()
    status = read_status(tmp_path, pairs)
    assert (status.done, status.missing, status.rate) == (120, 0, 4.0)
    (tmp_path / pairs[7].name).unlink()
    status = read_status(tmp_path, pairs)
    assert (status.done, status.missing, status.failed) == (119, 1, [])


def plan_of_names(folder: Path):
    (folder / "list.csv").write_text(
        "content,style\n" + "".join(f"{n}.png,x.png\n" for n in range(120))
    )
    return plan(str(folder / "list.csv"), None, None, folder, ".png")


def test_one_share_is_held_by_one_program(tmp_path):
    first = Manifest(tmp_path, Shard(1, 2).manifest)
    other = Manifest(tmp_path, Shard(2, 2).manifest)
    with pytest.raises(OSError, match="another batch is writing"):
        Manifest(tmp_path, Shard(1, 2).manifest)
    for manifest in (first, other):
        manifest.close()
    Manifest(tmp_path, Shard(1, 2).manifest).close()


CLUSTER = REPOSITORY / "scripts" / "cluster"


def batch_of(words: list[str]):
    """The arguments of a job file's command."""
    assert words[:2] == ["jaxnst", "batch"] and "batch" in COMMANDS
    return _app.parse(module_of("batch"), words[2:])


def test_the_slurm_job():
    path = CLUSTER / "slurm_array.sh"
    subprocess.run(["bash", "-n", path], check=True)
    text = path.read_text()
    assert "#SBATCH --array=" in text
    (line,) = (x for x in text.splitlines() if x.startswith("jaxnst "))
    assert batch_of(line.split()).shard == "auto"


def test_the_kubernetes_job():
    job = yaml.safe_load((CLUSTER / "kubernetes_job.yaml").read_text())
    assert (job["kind"], job["spec"]["completionMode"]) == ("Job", "Indexed")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    shard = batch_of(container["command"]).shard
    assert shard == f"auto/{job['spec']['completions']}"
    assert parse_shard(shard, {"JOB_COMPLETION_INDEX": "3"}).index == 4
