"""A study as a page: words, tables and figures in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxnst import images
from jaxnst._files import atomic_write
from jaxnst.reports import html
from jaxnst.study.figures import (
    Figure,
    Preset,
    curves,
    layers_figure,
    presets_figure,
    steps_figure,
    weights_figure,
)
from jaxnst.study.findings import Study, conclusions, judge_of
from jaxnst.study.plan import Pair
from jaxnst.study.tables import (
    cost_table,
    judged_table,
    losses_table,
    write_losses,
    write_scores,
)


@dataclass(frozen=True)
class Report:
    """What a study's page tells.

    Attributes:
        missing: networks that were left out, and how their weights are got.
        facts: what all pictures have in common, name and value.
        shown: steps after which pictures and losses are shown.
    """

    study: Study
    presets: Sequence[Preset]
    missing: dict[str, str]
    facts: Sequence[tuple[str, str]]
    pair: Pair
    shown: Sequence[int]

    def figures(self) -> dict[str, Figure]:
        judge = judge_of(self.study)
        found = {
            "steps": steps_figure(self.study, self.shown),
            "layers": layers_figure(self.study, judge),
            "weights": weights_figure(self.study, judge),
        }
        if self.presets:
            found["presets"] = presets_figure(self.presets)
        return found

    def write(self) -> None:
        """Page, sheets and tables into the pair's folder."""
        folder, figures = self.pair.folder, self.figures()
        for figure in figures.values():
            figure.write(folder)
        names = self.pair.content.stem, self.pair.style.stem
        title = " as ".join(names).replace("_", " ") + ": a study"
        with atomic_write(folder / "report.html") as temporary:
            page = html.document(title, self.sections(figures))
            temporary.write_text(page, "utf-8")
        write_losses(self.study, folder / "losses.csv")
        write_scores(self.study, folder / "scores.csv")

    def sections(self, figures: dict[str, Figure]) -> dict[str, list[str]]:
        """{heading: blocks}."""
        sources = [
            images.load_image(path, size=384)
            for path in (self.pair.content, self.pair.style)
        ]
        labels = [["photograph", "painting"]]
        found = {
            "What was found": [
                html.pictures([sources], row_labels=[""], labels=labels),
                html.listing(conclusions(self.study)),
            ],
            "Networks and starts, step by step": self._steps(figures["steps"]),
            "Judged": self._judged(),
            "Style layers: how many, and which": self._layers(figures["layers"]),
            "Weights: from too much content to too much style": self._weights(
                figures["weights"]
            ),
        }
        if self.presets:
            notes = [f"{p.name}: {p.note}." for p in self.presets if p.note]
            blocks = [figures["presets"].block()]
            blocks += [html.listing(notes)] if notes else []
            found["Published systems"] = blocks
        if self.missing:
            lines = [f"{name}: {how}." for name, how in self.missing.items()]
            found["Left out"] = [html.listing(lines)]
        rows = [list(fact) for fact in self.facts]
        found["How it was made"] = [html.table(["", ""], rows)]
        return found

    def _steps(self, figure: Figure) -> list[str]:
        tables = [
            losses_table(self.study, start, self.shown) for start in self.study.starts
        ]
        note = html.paragraph(
            "The losses of two networks are not comparable: each measures in its own "
            "features. Within a row they tell how the optimisation goes on; networks "
            "are compared by the judges' distances below."
        )
        return [figure.block(), note, *tables, html.drawings(curves(self.study))]

    def _judged(self) -> list[str]:
        text = (
            "Distances in another network than the one that painted: style from the "
            "painting (the photograph itself has 1), content from the photograph, and "
            "Q = style + content / 2; lower is better. A network that was taught by "
            "the judge or its kin has an advantage with it."
        )
        if not self.study.judges:
            text = (
                "No judge was given or is at hand: nothing tells the "
                "networks' pictures apart but the eye."
            )
        tables = [judged_table(self.study, judge) for judge in self.study.judges]
        return [html.paragraph(text), *tables, cost_table(self.study)]

    def _under(self) -> str:
        judge = judge_of(self.study)
        return "" if judge is None else f" Under the pictures: distances by {judge}."

    def _layers(self, figure: Figure) -> list[str]:
        named = [
            f"{own.label}, {label}: {', '.join(layers)}"
            for own in self.study.networks
            for label, layers in own.subject.choices.items()
        ]
        first = html.paragraph(f"From {self.study.starts[0]}.{self._under()}")
        return [first, figure.block(), html.listing(named)]

    def _weights(self, figure: Figure) -> list[str]:
        usual = next(iter(self.study.networks[0].subject.choices))
        first = html.paragraph(f"Style from {usual}.{self._under()}")
        return [first, figure.block()]
