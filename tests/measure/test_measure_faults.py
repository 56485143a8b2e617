"""scripts/measure/measure_faults.py: whatever is done to a batch, it ends the same."""

from pathlib import Path

import pytest
from networks import picture

from jaxnst import save_image
from scripts import imported, write_network

TINY = (
    *("--content-layers", "relu2_1", "--style-layers", "relu1_1", "relu2_1"),
    *("--min-size", "none", "--margin", "0"),
)


@pytest.fixture
def measure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(64, 64))
    save_image("s.png", picture(64, 64, 1))
    write_network(Path("net.h5"), depth=3)
    return imported(monkeypatch, "measure_faults")


@pytest.mark.slow
def test_killed_full_and_started_twice(measure, tmp_path, capsys):
    given = measure.Arguments(
        content=Path("c.png"),
        style=Path("s.png"),
        network="vgg19",
        weights=str(tmp_path / "net.h5"),
        pairs=8,
        size=32,
        driver_kills=0,  # one is killed when a second one was started
        more=TINY,
    )
    assert measure.main(given) == 0
    said = capsys.readouterr().out
    assert "8 pictures in" in said and "the same, byte for byte" in said
    assert "| second program | 1 |" in said and "| program killed | 1 |" in said


def test_what_is_wrong_is_named(measure, tmp_path):
    given = measure.Arguments(content=Path("c.png"), style=Path("s.png"))
    campaign = measure.Campaign(given, tmp_path, None)
    wanted = tmp_path / "undisturbed"
    for folder in (wanted, campaign.out):
        folder.mkdir()
    for name in "abd":
        (wanted / f"{name}.png").write_bytes(b"picture")
    (campaign.out / "a.png").write_bytes(b"picture")
    (campaign.out / "b.png").write_bytes(b"pict")
    (campaign.out / ".jaxnst-0-0.part").touch()
    (campaign.out / "c.png").touch()
    line = '{"output": "%s.png", "status": "done", "sha256": ""}\n'
    manifest = campaign.out / "manifest.jsonl"
    manifest.write_text(line % "a" + line % "a" + line % "b")
    assert set(measure.compare(campaign, wanted)) == {
        "a.png is noted 2 times",
        "b.png is another picture",
        "c.png should not be there",
        "c.png is not noted",
        "d.png is lost",
        ".jaxnst-0-0.part was left behind",
    }
    with pytest.raises(RuntimeError, match="is not what its record says"):
        measure.check_records(campaign)
