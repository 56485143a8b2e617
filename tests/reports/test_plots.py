"""Loss curves and trade-offs: what is drawn is what was traced."""

import errno
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from jaxnst.images import load_image
from jaxnst.reports import plots


@pytest.fixture
def trace(rng) -> dict[str, np.ndarray]:
    names = ("loss", "content", "style", "tv", "content/relu4_2", "style/relu1_1")
    return {name: np.float32(rng.lognormal(0, 9, size=7)) for name in names}


@pytest.mark.parametrize("name", ["c.png", "c.PNG", "c.svg", "c.pdf"])
def test_plots_are_whole_files_of_their_kind(name, trace, tmp_path):
    path = tmp_path / name
    plots.plot_losses(path, trace, title="harbour")
    assert list(tmp_path.iterdir()) == [path]
    data = path.read_bytes()
    if path.suffix == ".svg":
        root = ElementTree.fromstring(data)
        lines = [e for e in root.iter() if e.get("id", "").startswith("line2d")]
        assert root.tag.endswith("svg") and len(lines) >= len(trace)
    elif path.suffix == ".pdf":
        assert data.startswith(b"%PDF") and data.rstrip().endswith(b"%%EOF")
        assert len(data) > 5000
    else:
        image = np.asarray(load_image(path))
        colours = np.unique(np.round(image.reshape(-1, 3) * 255), axis=0)
        assert len(colours) > 50 and image.std() > 0.05


def test_plot_shows_the_values(trace, tmp_path):
    for name, values in (("a", trace), ("b", {k: v[::-1] for k, v in trace.items()})):
        plots.plot_losses(tmp_path / f"{name}.png", values)
    a, b = (load_image(tmp_path / f"{name}.png") for name in "ab")
    assert np.abs(a - b).max() > 0.5


def test_plot_without_pyplot(monkeypatch, trace, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it raises
    plots.plot_losses(tmp_path / "c.png", trace)
    assert (tmp_path / "c.png").exists()


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -1.0])
def test_plot_takes_terms_that_a_logarithm_cannot(value, trace, tmp_path):
    trace["tv"][:] = value
    trace["content"][0] = value
    plots.plot_losses(tmp_path / "c.png", trace)  # warnings are errors here
    assert load_image(tmp_path / "c.png").std() > 0.05


def test_plot_of_one_step_and_of_nothing_but_the_loss(trace, tmp_path):
    plots.plot_losses(tmp_path / "c.png", {k: v[:1] for k, v in trace.items()})
    assert load_image(tmp_path / "c.png").std() > 0.05


@pytest.mark.parametrize("name, message", [("c.txt", ".png, .svg or .pdf"),
                                           ("c", ".pdf")])  # fmt: skip
def test_plot_of_unknown_kind(name, message, trace, tmp_path):
    with pytest.raises(ValueError, match=message):
        plots.plot_losses(tmp_path / name, trace)
    with pytest.raises(FileNotFoundError, match="mkdir"):
        plots.check_plot(tmp_path / "no" / "c.png")
    assert not list(tmp_path.iterdir())


def test_importing_it_needs_no_matplotlib():
    """The command line imports it for every picture, plotted or not."""
    code = (
        "import sys; sys.modules['matplotlib'] = None; import jaxnst.reports;"
        "from jaxnst.reports import grid_report, html, pareto, plots, tables"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_without_matplotlib(monkeypatch, trace, tmp_path):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install 'jaxnst"):
        plots.plot_losses(tmp_path / "c.png", trace)
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_the_old_plot(monkeypatch, trace, tmp_path):
    from matplotlib.figure import Figure

    def full(figure, path, **options):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    path = tmp_path / "c.png"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No space"):
        plots.plot_losses(path, trace)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_the_same_numbers_give_the_same_drawing():
    lines = {"one": np.array([3.0, 2, 1])}
    assert plots.curves_svg(lines) == plots.curves_svg(lines)


def test_names_are_shown_as_they_are(trace, tmp_path):
    names = ["$x$ and $\\frac{", "_hidden", "caf\udce9 \u6f22"]
    plots.plot_losses(tmp_path / "c.svg", trace, title=" ".join(names))
    shown = [name.replace("\udce9", "?") for name in names]
    assert f"<!-- {' '.join(shown)} -->" in (tmp_path / "c.svg").read_text("utf-8")
    points = np.arange(6.0).reshape(3, 2)
    for drawn in (
        plots.curves_svg(dict.fromkeys(names, np.ones(3))),
        plots.scatter_svg(points, names, 0, np.arange(3)),
    ):
        assert all(f"<!-- {name} -->" in drawn for name in shown)
