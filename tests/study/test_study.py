"""Parts of a study: cache, networks, substitutes, conclusions."""

from dataclasses import replace

import numpy as np
import pytest
from networks import narrow_network, narrow_weights

from jaxnst import network_from_weights
from jaxnst.metrics import Scores
from jaxnst.pipeline import presets
from jaxnst.study import cache, findings, plan, results, runs
from scripts import write_network


class TestCache:
    def test_made_once_for_a_description(self, tmp_path):
        calls = []

        def make():
            calls.append(1)
            return {"a": np.arange(3), "b": np.float32(len(calls))}

        def cached(description):
            return cache.cached(tmp_path / "new" / "x.npz", description, make)

        first, again = cached({"n": 1}), cached({"n": 1})
        assert len(calls) == 1 and again.keys() == {"a", "b"}
        np.testing.assert_array_equal(first["a"], again["a"])
        assert cached({"n": 2})["b"] == 2 and cached({"n": 1})["b"] == 3

    @pytest.mark.parametrize("damage", ["cut", "text", "empty", "strange"])
    def test_a_damaged_file_is_made_anew(self, tmp_path, damage):
        path = tmp_path / "x.npz"
        cached = cache.cached
        cached(path, {}, lambda: {"a": np.arange(1000)})
        data = path.read_bytes()
        if damage == "strange":
            np.savez(path, a=np.arange(3))
        else:
            path.write_bytes(
                {"cut": data[:200], "text": b"hello", "empty": b""}[damage]
            )
        assert cached(path, {}, lambda: {"a": np.ones(2)})["a"].tolist() == [1, 1]

    def test_nothing_half_written(self, tmp_path):
        def make():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            cache.cached(tmp_path / "x.npz", {}, make)
        assert not list(tmp_path.iterdir())


class TestCandidates:
    def test_choices_are_made_once_and_weigh_as_one(self):
        network = narrow_network(depth=13)
        choices = plan.choose_layers(network, ["5", "16", "13", "5-deep"])
        assert list(choices) == ["5 layers", "13 layers", "5 deep"]
        candidate = plan.Candidate("x", network, choices)
        assert candidate.layers == choices["13 layers"]
        weights = candidate.layer_weights(presets.gram)
        np.testing.assert_allclose(weights.sum(1), 1)
        layers = np.array(candidate.layers)
        chosen = [tuple(layers[row > 0].tolist()) for row in weights]
        assert chosen == list(choices.values())

    def test_loss_weights_of_a_preset_are_carried_over_to_each_network(self):
        """Gram matrices of features k times as large are k² times as large, their
        squared distances k⁴, those of contents k²."""
        network = narrow_network(depth=13)
        params = {
            layer: {"kernel": p["kernel"] * (4 if layer == "conv1_1" else 1)}
            | {"bias": p["bias"] * 4}
            for layer, p in network.params.items()
        }
        larger = replace(network, params=params)
        choices = plan.choose_layers(network, ["5", "3-shallow"])
        ours, theirs = (plan.Candidate("x", n, choices) for n in (network, larger))
        weights = ours.layer_weights(presets.ncsu)
        assert weights[0].sum() != pytest.approx(5)
        np.testing.assert_allclose(
            theirs.layer_weights(presets.ncsu), weights / 4**4, rtol=1e-3
        )
        for row, layers in zip(weights, choices.values(), strict=True):
            own = ours.settings(presets.ncsu, layers)
            assert own.magnitude is None and own.objective.style_layers == layers
            np.testing.assert_allclose(row[row > 0], own.terms.style_weights)
            content = theirs.settings(presets.ncsu, layers).terms.content_weights
            np.testing.assert_allclose(
                np.array(own.terms.content_weights) / 4**2, content, rtol=1e-3
            )

    def test_weights_of_a_preset_sum_to_what_they_did(self):
        """Whatever the number of layers, where nothing is to be carried over."""
        network = narrow_network(depth=13)
        candidate = plan.Candidate("x", network, plan.choose_layers(network, ["5"]))
        asked = replace(presets.ncsu, magnitude=None)
        weights = candidate.layer_weights(asked)
        np.testing.assert_allclose(weights.sum(1), sum(asked.terms.style_weights))

    @pytest.mark.parametrize("text", ["five", "0", "5-middle", "5-", "-5", ""])
    def test_what_is_no_choice(self, text):
        with pytest.raises(ValueError):
            plan.choose_layers(narrow_network(depth=13), [text])

    def test_networks_available_and_not(self, tmp_path, monkeypatch):
        monkeypatch.setenv("JAXNST_WEIGHTS", str(tmp_path))
        write_network(tmp_path / "own.h5", depth=3)
        given = ["vgg19-lite", "vgg16", str(tmp_path / "own.h5")]
        found, missing = plan.available_networks(given)
        assert "own" in found and "load_network('vgg16') fetches" in missing["vgg16"]
        with pytest.raises(ValueError, match="two networks are called own"):
            plan.available_networks([given[2]] * 2)


class TestPlan:
    def test_a_cross_or_everything(self):
        def mask(full):
            axes = ("content",), [1.0], [1.0, 3.0, 9.0], (0, 1)
            whole = plan.Plan(presets.gram, None, [1], *axes, full)
            return whole.grid_mask(2)[:, 0].astype(int).tolist()

        assert mask(False) == [[1, 1, 1], [0, 1, 0]]
        assert mask(True) == [[1, 1, 1], [1, 1, 1]]


class TestPresets:
    @pytest.fixture(autouse=True)
    def none_at_hand(self, tmp_path, monkeypatch):
        monkeypatch.setenv("JAXNST_WEIGHTS", str(tmp_path))
        monkeypatch.setattr(
            "jaxnst.pretrained.sources._repository_folder", lambda: None
        )

    def test_the_presets_own_weights_come_first(self, tmp_path):
        write_network(tmp_path / "vgg19-keras.h5", "own", width=4)
        others = {"other": narrow_network(depth=13)}
        settings, network, note = results.open_preset("mel457", others)
        assert network.source == "own" and settings.weights == "keras"
        assert note == "mel457 in vgg19: loss weights carried over to its features"

    def test_else_the_widest_network_and_a_note(self):
        others = {
            "narrow": narrow_network(depth=13, width=4),
            "wide": narrow_network(depth=13),
            "inception": network_from_weights(narrow_weights()),
        }
        settings, network, note = results.open_preset("vgg16-adam", others)
        assert network is others["wide"]
        assert settings.objective.content_layers == ("relu5_1",)
        assert note.startswith("wide in the place of vgg16, whose weights are not")
        assert "relu5_1 for relu5_3; loss weights carried over" in note


class TestConclusions:
    def study(self, style, content):
        """Networks with such distances at the end, the same under every setting."""
        networks = []
        for name, s, c in zip("ab", style, content, strict=True):
            shape = (2, 2, 1, 2)
            series = np.stack([np.array([s + 0.1, s]), np.array([c - 0.1, c])], -1)
            scores = np.broadcast_to(
                np.concatenate([series, series[:, :1] + series[:, 1:] / 2], -1),
                (2, 2, 1, 2, 3),
            )
            run = runs.Run(
                {2: np.zeros((4, 4, 3))},
                {n: np.array([s + c, s]) for n in ("loss", "content", "style")},
                0.1,
                True,
            )
            network = narrow_network(depth=13)
            candidate = plan.Candidate(
                name, network, {"5 layers": ("x",), "9 layers": ("x", "y")}
            )
            networks.append(
                findings.NetworkResults(
                    candidate,
                    {start: run for start in ("content", "noise")},
                    runs.Grid(
                        np.ones(shape[1:], bool),
                        np.zeros((*shape, 4, 4, 3)),
                        *np.zeros((2, *shape)),
                    ),
                    1000,
                    {
                        "judge": dict.fromkeys(
                            ("content", "noise"), Scores(s, c, s + c / 2)
                        )
                    },
                    {"judge": scores},
                )
            )
        starts, axes = ("content", "noise"), ([1.0], [10.0, 100.0])
        return findings.Study(networks, ["judge"], starts, *axes, 0, 1)

    def test_who_is_closest_follows_from_the_numbers(self):
        said = " ".join(findings.conclusions(self.study((0.5, 0.7), (0.9, 0.6))))
        assert "a (0.500) came closest to the painting, then b (0.700)" in said
        assert "kept by b (content distance 0.600)" in said
        assert "a is best (0.950)" in said
        turned = findings.conclusions(self.study((0.7, 0.5), (0.6, 0.9)))
        assert "b (0.500) came closest" in turned[0] and "b is best" in turned[0]

    def test_the_series_is_told_from_end_to_end(self):
        study = self.study((0.5, 0.7), (0.9, 0.6))
        line = findings.conclusions(study)[-2]
        assert "beta / alpha 10 to 100" in line
        assert "from 0.600 to 0.500" in line and "from 0.800 to 0.900" in line

    def test_weights_in_order_of_their_ratio(self):
        study = self.study((0.5, 0.7), (0.9, 0.6))
        study = replace(study, alphas=[1.0, 10.0], betas=[10.0, 50.0])
        assert study.ordered_weights() == [(1, 0), (1, 1), (0, 0), (0, 1)]

    def test_without_a_judge_the_losses_speak(self):
        study = replace(self.study((0.5, 0.7), (0.9, 0.6)), judges=[])
        said = findings.conclusions(study)
        assert said and all("judged" not in line for line in said)

    def test_when_one_start_has_what_another_ends_with(self):
        compare = findings._compare_losses
        fast, slow = np.array([9.0, 3, 1, 1]), np.array([9.0, 5, 3, 2])
        assert "1 at content" not in compare([fast, slow], "content", "noise")
        assert compare([fast, slow], "content", "noise").endswith(
            "from content 3 steps do what all did there"
        )
        assert compare([slow, fast], "content", "noise").endswith(
            "which noise has after 3 steps"
        )
