"""One pass on the command line: stylize.py and batch.py with --fast."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from networks import narrow_network, picture

import jaxnst
from jaxnst import images, load_image, save_image
from jaxnst.feedforward.model import new_feedforward
from jaxnst.feedforward.model import stylize_compiled as stylize
from jaxnst.feedforward.weights_file import write_feedforward
from jaxnst.images import read_metadata
from jaxnst.pipeline import presets
from scripts import driver, imported

pytestmark = pytest.mark.usefixtures("compiled_quickly")

INPUTS = ("c.png", "s.png", "-o", "out.png")
SMALL = ("--size", "48", "--margin", "0")


@pytest.fixture(scope="module")
def decoder():
    """Not trained, so that it is seen whether it is used; for the built-in encoder."""
    made = new_feedforward(jax.random.key(0), jaxnst.load_network("vgg19-lite"))
    return replace(made, source="a test")


@pytest.fixture
def here(tmp_path, monkeypatch, decoder):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(36, 48, 1))
    save_image("s.png", picture(40, 32, 2))
    save_image("t.png", picture(40, 48, 3))
    write_feedforward("own.h5", decoder, {})
    return tmp_path


@pytest.fixture
def drive(here, monkeypatch, capsys):
    return driver(imported(monkeypatch, "stylize"), monkeypatch, capsys)


@pytest.mark.slow
def test_a_picture_in_one_pass_that_can_be_made_again(drive):
    code, out, error = drive(*INPUTS, "--fast", *SMALL)
    assert (code, error) == (0, "")
    assert "out.png: 48 x 36 pixels, one pass in" in out
    made = load_image("out.png")
    model = jaxnst.load_feedforward()
    style = load_image("s.png", size=48)
    wanted = stylize(model, load_image("c.png"), style)
    np.testing.assert_allclose(made, wanted, atol=0.01)
    about = read_metadata("out.png")
    assert about["settings"]["preset"] == "encoder-transformer" and about["steps"] == 0
    assert about["decoder"]["sha256"] == model.checksum and about["final"] == {}
    assert drive("--from", "out.png", "-o", "again.png")[0] == 0
    assert np.array_equal(load_image("again.png"), made)


@pytest.mark.slow
def test_with_steps_it_is_where_the_optimisation_starts(drive):
    code, out, error = drive(*INPUTS, "--fast", *SMALL, "--steps", "2", "--every", "1")
    assert (code, error) == (0, "") and "2 steps" in out
    passed = stylize(
        jaxnst.load_feedforward(), load_image("c.png"), load_image("s.png", size=48)
    )
    first = load_image("out_00001.png")
    # The first step of Adam is as long as its rate, wherever there is a gradient.
    assert 0.01 < np.abs(np.asarray(first) - passed).max() < 0.04
    about = read_metadata("out.png")
    assert about["settings"]["optimization"]["init"] == "feedforward"
    assert about["steps"] == 2 and "decoder" in about
    code, _, error = drive("--continue", "out.png", "--steps", "1", "--more-style")
    assert (code, error) == (0, "") and Path("out-continued.png").exists()


@pytest.mark.slow
def test_strength_colours_and_several_paintings(drive):
    assert drive(*INPUTS, "--fast", *SMALL, "--strength", "0")[0] == 0
    photograph = np.asarray(load_image("c.png"))
    assert np.abs(np.asarray(load_image("out.png")) - photograph).max() < 0.005
    assert drive(*INPUTS, "--fast", *SMALL, "--color", "content")[0] == 0
    kept = np.asarray(load_image("out.png"))
    style_mix = ("c.png", "s.png", "t.png", "--blend", "1", "0", "--fast", *SMALL)
    assert drive(*style_mix, "-o", "blend.png")[0] == 0
    assert drive(*INPUTS, "--fast", *SMALL, "-o", "one.png")[0] == 0
    one = np.asarray(load_image("one.png"))
    assert np.abs(np.asarray(load_image("blend.png")) - one).max() < 0.02
    colours = [p - p.mean(-1, keepdims=True) for p in (kept, photograph, one)]
    away = [np.abs(colours[i] - colours[1]).mean() for i in (0, 2)]
    assert away[0] < 0.5 * away[1] and np.abs(kept - photograph).max() > 0.1


@pytest.mark.slow
def test_a_decoder_of_ones_own(drive, decoder):
    assert drive(*INPUTS, "--fast", *SMALL, "--decoder", "own.h5")[0] == 0
    wanted = stylize(decoder, load_image("c.png"), load_image("s.png", size=48))
    np.testing.assert_allclose(load_image("out.png"), wanted, atol=0.02)
    assert read_metadata("out.png")["decoder"]["source"] == "a test"
    changed = replace(decoder, source="another")
    write_feedforward("own.h5", changed, {})
    code, _, error = drive("--from", "out.png", "-o", "again.png")
    assert code == 0 and "the decoder is not the one with which out.png" in error


@pytest.mark.parametrize(
    "options, message",
    [
        (("--fast", "--preset", "crowson"), "--fast is short for --preset"),
        (("--fast", "--losses", "l.csv"), "one pass has no steps"),
        (("--fast", "--animation", "a.gif"), "leave --animation"),
        (("--fast", "--decoder", "absent.h5"), "absent.h5"),
        (("--fast", "--decoder", "c.png"), "c.png"),
        (("--decoder", "own.h5"), "decoder is for one pass"),
        (("--steps", "0"), "or (0,) with init"),
        (("--fast", "--blend", "1", "2"), "style_mix weights"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(options, message, drive):
    code, _, error = drive(*INPUTS, *options)
    assert code != 0 and message in error and error.count("error") == 1
    assert not Path("out.png").exists()


@pytest.mark.slow
def test_other_weights_than_the_encoders(drive, here):
    from scripts import write_network

    write_network(Path("net.h5"), depth=13)
    code, _, error = drive(
        *INPUTS, "--fast", *SMALL, "--network", "vgg19", "--weights", "net.h5"
    )
    assert (code, error) == (0, "")  # they are for the optimisation, of which is none


@pytest.mark.slow
def test_batches_are_what_single_pictures_are(here, monkeypatch, capsys):
    drive = driver(imported(monkeypatch, "batch"), monkeypatch, capsys)
    for folder, names in (("photos", "ct"), ("paintings", "s")):
        Path(folder).mkdir()
        for name in names:
            Path(f"{name}.png").rename(f"{folder}/{name}.png")
    given = ("--contents", "photos", "--styles", "paintings", "-o", "out", "--fast")
    code, out, error = drive(*given, *SMALL, "--multiple", "8")
    assert (code, error) == (0, "") and "2 of 2 pictures" in out
    settings = replace(
        presets.encoder_transformer,
        geometry=replace(presets.encoder_transformer.geometry, size=48),
    )
    network = jaxnst.load_network("vgg19-lite")
    content = load_image("photos/t.png")  # its sides are multiples already
    style = images.load_image("paintings/s.png", size=(48, 40))
    wanted = jaxnst.render(settings, network, content, [style])
    made = np.asarray(load_image("out/t__s.png"))
    assert np.abs(made - np.asarray(wanted.image)).max() < 0.01
    assert load_image("out/c__s.png").shape == (36, 48, 3)
    lines = [json.loads(x) for x in Path("out/manifest.jsonl").read_text().splitlines()]
    assert all(line["job"]["decoder"] for line in lines)
    again = drive(*given, *SMALL, "--multiple", "8")
    assert again[0] == 0 and "2 from before" in again[1]


@pytest.mark.slow
def test_optimised_batches_start_from_one_pass(decoder):
    network = narrow_network(width=4, depth=13)
    settings = replace(
        presets.default,
        geometry=replace(presets.default.geometry, size=32, min_size=None, margin=0),
        optimization=replace(
            presets.default.optimization,
            init="feedforward",
            steps=(2,),
            learning_rate=0.03,
            ema=None,
        ),
    )
    contents = [picture(32, 32, seed) for seed in (1, 2)]
    styles = [picture(32, 32, 3)] * 2
    given = settings, network, contents, styles
    made = jaxnst.render_batch(*given, decoder=decoder, multiple=8)
    for content, style, result in zip(contents, styles, made, strict=True):
        alone = jaxnst.render(settings, network, content, [style], decoder=decoder)
        np.testing.assert_allclose(result.image, alone.image, atol=0.02)
        start = stylize(decoder, content, style)
        assert np.abs(result.image - np.asarray(start)).max() < 0.1
