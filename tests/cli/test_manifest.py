"""manifest.jsonl: whole lines, whatever happens; one program at a time."""

import hashlib
import json
import os

import pytest

from jaxnst.cli import _manifest
from jaxnst.pipeline.settings import Settings


@pytest.fixture
def module():
    return _manifest


@pytest.fixture
def opened(module, tmp_path):
    kept = []

    def opened():
        for manifest in kept:
            manifest.close()
        kept[:] = [module.Manifest(tmp_path)]
        return kept[0]

    yield opened
    kept[0].close()


def done(tmp_path, name="a.png", **more):
    (tmp_path / name).write_bytes(b"picture")
    digest = hashlib.sha256(b"picture").hexdigest()
    return {"output": name, "status": "done", "job": {"n": 1}, "sha256": digest} | more


def lines(tmp_path):
    text = (tmp_path / "manifest.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines() if line]


def test_what_is_done_is_known_again(opened, tmp_path):
    manifest = opened()
    manifest.append({"output": "a.png", "status": "failed"})
    assert not manifest.has("a.png", {"n": 1})
    manifest.append(done(tmp_path))
    for found in (manifest, opened()):
        assert found.has("a.png", {"n": 1})
        assert not found.has("a.png", {"n": 2}) and not found.has("b.png", {"n": 1})
    (tmp_path / "a.png").write_bytes(b"another picture")
    assert not opened().has("a.png", {"n": 1})
    (tmp_path / "a.png").unlink()
    assert not opened().has("a.png", {"n": 1})


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_torn_line_is_not_read_and_spoils_none(cut, opened, tmp_path):
    manifest = opened()
    manifest.append(done(tmp_path, "a.png"))
    manifest.append(done(tmp_path, "b.png"))
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    manifest = opened()
    # What lacks its newline alone is whole.
    assert manifest.has("a.png", {"n": 1}) and manifest.has("b.png", {"n": 1}) == (
        cut == 1
    )
    manifest.append(done(tmp_path, "c.png"))
    manifest = opened()
    assert manifest.has("a.png", {"n": 1}) and manifest.has("c.png", {"n": 1})


LINES = {
    "a list": "[]",
    "a number": "3",
    "without an output": '{"status": "done"}',
    "zeros": "\x00\x00",
    "half": "{",
    "deep lists": "[" * 100_000,
    "deep objects": '{"output": ' * 100_000,
    "an output that is a list": '{"output": []}',
    "a long number": '{"output": ' + "9" * 10_000 + "}",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_foreign_lines_are_passed_over(line, opened, tmp_path):
    (tmp_path / "manifest.jsonl").write_text(line + "\n")
    manifest = opened()
    manifest.append(done(tmp_path))
    assert opened().has("a.png", {"n": 1})


@pytest.mark.parametrize(
    "job",
    [
        None,
        3,
        [],
        {"settings": 3},
        {"settings": {"terms": {"beta": 10**400}}},
        {"settings": {"terms": {"beta": "much"}}},
        {"settings": {"geometry": {"size": -1}}},
        {"settings": {"style_mix": {"a": 1}}},
        {"settings": {"optimization": []}},
    ],
)
def test_a_damaged_job_is_another_one(job, opened, tmp_path):
    manifest = opened()
    manifest.append(done(tmp_path, job=job))
    assert not opened().has("a.png", {"n": 1})
    assert not opened().has("a.png", {"settings": Settings().to_json()})


def test_a_full_disk_leaves_half_a_line_that_the_next_one_ends(
    opened, tmp_path, monkeypatch
):
    manifest = opened()
    own = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: own(file, data[:20]))
        with pytest.raises(OSError, match="no space left"):
            manifest.append(done(tmp_path))
    assert not manifest.has("a.png", {"n": 1})
    manifest.append(done(tmp_path, "b.png"))
    manifest = opened()
    assert not manifest.has("a.png", {"n": 1}) and manifest.has("b.png", {"n": 1})


def test_two_programs_do_not_write_to_one_folder(module, opened, tmp_path):
    opened()
    with pytest.raises(OSError, match="another batch is writing"):
        module.Manifest(tmp_path)
    opened()
