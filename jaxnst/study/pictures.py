"""Every picture of a study's grids as a file, with the settings to make it again."""

from dataclasses import replace
from typing import Any

import numpy as np

from jaxnst import images
from jaxnst.networks.googlenet import ARCHITECTURE, GoogLeNet
from jaxnst.optimize.single import Result
from jaxnst.pipeline.provenance import describe, named
from jaxnst.pipeline.settings import Settings
from jaxnst.study.plan import Plan, Subject
from jaxnst.study.runs import Grid


def asked_for(subject: Subject) -> dict[str, Any]:
    """`network` and `weights` of settings that ask for a subject's network again."""
    if subject.file is None:
        return {"network": subject.label, "weights": None}
    module = subject.network.module
    kind = ARCHITECTURE if isinstance(module, GoogLeNet) else module.architecture
    return {"network": kind, "weights": subject.file}


def write_pictures(
    subject: Subject, settings: Settings, grid: Grid, plan: Plan
) -> None:
    """Into the folder "pictures" beside the report."""
    pair = plan.pair
    folder, sources = pair.folder / "pictures", (pair.content, pair.style)
    folder.mkdir(exist_ok=True)
    choices = list(subject.choices.items())
    steps = sum(settings.optimization.steps)
    for place in np.ndindex(grid.content.shape):
        if not grid.painted[place[1:]]:
            continue
        start, (label, layers) = plan.starts[place[0]], choices[place[1]]
        alpha, beta = plan.alphas[place[2]], plan.betas[place[3]]
        own = replace(
            settings,
            objective=replace(settings.objective, style_layers=layers),
            terms=replace(settings.terms, alpha=alpha, beta=beta),
            optimization=replace(settings.optimization, init=start),
        )
        ends = {"content": grid.content[place], "style": grid.style[place]}
        trace = {name: np.array([value]) for name, value in ends.items()}
        image = grid.images[place]
        result = Result(
            image, trace, steps, bool(np.isfinite(ends["style"])), 0.0, None
        )
        name = f"{subject.label}_{start}_{label.replace(' ', '-')}"
        images.save_image(
            folder / f"{name}_alpha{alpha:g}_beta{beta:g}.png",
            image,
            metadata=describe(
                own,
                subject.network,
                result,
                pictures=sources,
                files=named(sources),
            ),
        )
