"""Before pictures are read it is known that the run on them fits."""

from networks import narrow_network, picture

from jaxnst import Config, Settings, save_image
from jaxnst.pipeline import inputs
from jaxnst.pipeline.settings import Geometry, Optimization


def test_the_margin_and_what_the_optimizer_remembers_count(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(
        inputs,
        "with_tiles_if_needed",
        lambda network, config, size, **how: told.append((tuple(size), how)),
    )
    photograph, painting = tmp_path / "p.png", tmp_path / "s.png"
    save_image(photograph, picture(48, 64))
    save_image(painting, picture(40, 40, 1))
    config = Config(content_layers=("relu1_1",), style_layers=("relu1_1",))
    settings = Settings(
        geometry=Geometry(size=64, margin=10),
        objective=config,
        optimization=Optimization(optimizer="lbfgs", history=20, learning_rate=1.0),
    )
    inputs.load_pictures(settings, narrow_network(depth=1), photograph, [painting])
    (content, first), (style, second) = told
    assert content == (48 + 20, 64 + 20) and min(style) == max(style)
    assert first == second == {"state_images": 42}
