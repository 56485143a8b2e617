"""measure_video.py: the synthetic clip's motion is what it says; the table."""

from pathlib import Path

import jax
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import save_image
from jaxnst.feedforward import new_feedforward
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")

pytest.importorskip("cv2")
pytest.importorskip("av")


@pytest.fixture
def clips(monkeypatch):
    imported(monkeypatch, "measure_video")
    return imported(monkeypatch, "_clips")


def test_the_known_flow_is_the_motion(clips):
    """Moved by it, each frame is the one before to the bit, where nothing is hidden."""
    clip = clips.synthetic_clip(3, 64, camera=(2, 1))
    assert [frame.shape for frame in clip.frames] == [(48, 64, 3)] * 3
    for before, after, flows in zip(
        clip.frames, clip.frames[1:], clip.flows, strict=False
    ):
        for first, second, flow in (
            (before, after, flows.forward),
            (after, before, flows.backward),
        ):
            y, x = np.mgrid[:48, :64]
            x, y = x + flow[..., 0].astype(int), y + flow[..., 1].astype(int)
            inside = (x >= 0) & (x < 64) & (y >= 0) & (y < 48)
            moved = second[y.clip(0, 47), x.clip(0, 63)]
            same = (moved == first).all(-1)
            assert same[inside].mean() > 0.97  # what the disc hides or uncovers is not
        assert np.unique(flows.forward.reshape(-1, 2), axis=0).shape == (2, 2)


@pytest.mark.slow
def test_table(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_image("s.png", picture(40, 40, 1))
    write_network(Path("judge.h5"), depth=7, width=4, seed=9)
    script = imported(monkeypatch, "measure_video")
    encoder = narrow_network(width=2, depth=10)
    model = new_feedforward(jax.random.key(0), encoder, matching="adain")
    monkeypatch.setattr(script, "load_feedforward", lambda: model)
    drive = driver(script, monkeypatch, capsys)
    small = ("--size", "64", "--frames", "3", "--judge", "judge.h5", "-o", "out")
    code, out, error = drive("s.png", *small, "--only", "one pass")
    assert code == 0, error
    rows = [line.split("|")[1:-1] for line in out.splitlines()[2:]]
    assert [row[1].strip() for row in rows] == [
        "the clip itself",
        "one pass",
        "one pass, steadied (0.6)",
    ]
    itself, alone, steadied = (float(row[2]) for row in rows)
    assert itself == 0 and 0 < steadied < alone
    assert (tmp_path / "out" / "synthetic.png").exists()
    code, _, error = drive("s.png", *small, "--only", "nothing")
    assert code == 1 and "frame by frame" in error
