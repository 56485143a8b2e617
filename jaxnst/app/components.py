"""The page's components and where they lie; what they do is in `events`."""

from typing import Any, get_args

import gradio as gr

from jaxnst.app import clips, markup
from jaxnst.app.controls import Controls, networks_at_hand, preset_controls
from jaxnst.app.page import Page
from jaxnst.app.painting import KINDS
from jaxnst.app.parts import BRUSHES, OPACITY
from jaxnst.optimize.initial import FEEDFORWARD, INITS
from jaxnst.pipeline import presets
from jaxnst.pipeline.settings import Color

COLORS = {
    "painting's": "style",
    "photograph's": "content",
    "matched": "match",
}
assert set(COLORS.values()) == set(get_args(Color))

TABS = {
    "Paint": "paint",
    "At once": "draft",
    "Grid": "grid",
    "Video": "video",
    "Live": "live",
    "Read a picture": "read",
}
"""The tabs' names on the server."""

PARTS = {
    "takes the style": "paint",
    "is kept": "keep",
    "stays recognisable": "protect",
}
"""What happens to what is painted over."""

STROKES = 0.25, 4.0
"""Least and most stroke size of the slider; a picture that is read may have others."""

_NOTHING_YET = (
    "Drop a photograph and a painting, or take the samples. Then press Paint."
)


def _picture_file(**how: Any) -> Any:
    """An image component that hands on the file as it was uploaded: the library reads
    it, with its own limits and words. (A class of its own would have Gradio write a
    file beside this module.)"""
    component: Any = gr.Image(type="filepath", image_mode=None, buttons=[], **how)

    def preprocess(payload: Any) -> Any:
        return str(payload.path) if payload is not None and payload.path else None

    component.preprocess = preprocess
    return component


def build() -> Page:
    """Lay out the page, within `gr.Blocks`."""
    page = Page()
    gr.HTML(markup.HEADER, elem_id="header", padding=False)
    with gr.Row(elem_id="page", equal_height=False):
        with gr.Column(scale=5, min_width=320, elem_id="given"):
            _pictures(page)
            _parts(page, preset_controls("default"))
            _look(page, preset_controls("default"))
        with gr.Column(scale=8, min_width=320, elem_id="made"):
            page.tab = gr.State("paint")
            parts = {
                "Paint": _paint,
                "At once": _draft,
                "Grid": _grid,
                "Video": _video,
                "Live": _live,
                "Read a picture": _read,
            }
            if not clips.available():
                del parts["Video"]
            with gr.Tabs(selected="paint", elem_id="tabs") as page.tabs:
                for label, part in parts.items():
                    with gr.Tab(label, id=TABS[label]):
                        part(page)
    return page


def _pictures(page: Page) -> None:
    with gr.Row(equal_height=True, elem_id="pictures"):
        page.content = _picture_file(
            label="Photograph",
            sources=["upload", "clipboard"],
            height=200,
            min_width=150,
            elem_id="content",
        )
        page.styles = gr.Gallery(
            label="Paintings",
            type="filepath",
            file_types=["image"],
            interactive=True,
            columns=2,
            height=200,
            min_width=150,
            object_fit="contain",
            buttons=[],
            elem_id="styles",
        )
    page.samples = gr.Button("Take the samples", size="sm", elem_id="samples")
    page.message = gr.HTML("", elem_id="message", padding=False)


def brush(paintings: int, radius: int) -> Any:
    """A brush of a colour for each of several paintings, through which one sees."""
    colors: list[str | tuple[str, float]] = [
        (color, OPACITY) for color in BRUSHES[: max(1, paintings)]
    ]
    return gr.Brush(
        default_size=radius, colors=colors, default_color=colors[0], color_mode="fixed"
    )


def _parts(page: Page, start: Controls) -> None:
    page.parts_of = gr.State(None)
    page.parts_fold = gr.Accordion(
        "Parts of the photograph", open=False, elem_id="parts"
    )
    with page.parts_fold:
        page.parts_hint = gr.HTML(
            markup.note("Drop a photograph, then paint over a part of it here."),
            elem_id="parts_hint",
            padding=False,
        )
        page.editor = gr.ImageEditor(
            type="pil", sources=(), transforms=(), layers=False, buttons=[],
            brush=brush(1, 40), eraser=gr.Eraser(default_size=40), show_label=False,
            height=340, visible=False, elem_id="editor",
        )  # fmt: skip
        page.legend = gr.HTML("", elem_id="legend", padding=False)
        page.parts_how = gr.Radio(
            list(PARTS.items()), value="paint", label="What I paint over",
            elem_id="parts_how",
        )  # fmt: skip
        page.look["feather"] = gr.Slider(
            0, 0.1, start.feather, step=0.005, label="Soft border", elem_id="feather"
        )


def _look(page: Page, start: Controls) -> None:
    look = page.look
    look["strength"] = gr.Slider(
        0, 1, start.strength, step=0.05, label="Strength",
        info="from the photograph to the painting", elem_id="strength",
    )  # fmt: skip
    with gr.Row():
        look["size"] = gr.Number(
            int(start.size), precision=0, minimum=16, step=64, label="Size",
            min_width=120, info="long side in pixels", elem_id="size",
        )  # fmt: skip
        look["style_scale"] = gr.Slider(
            *STROKES, start.style_scale, step=0.05, label="Stroke size",
            min_width=180, info="over the size", elem_id="style_scale",
        )  # fmt: skip
    look["color"] = gr.Radio(
        list(COLORS.items()), value=start.color, label="Colours", elem_id="color"
    )
    with gr.Row():
        look["preset"] = gr.Dropdown(
            list(presets.NAMES), value=start.preset, label="Preset", min_width=150,
            filterable=False, elem_id="preset",
        )  # fmt: skip
        look["network"] = gr.Dropdown(
            list(networks_at_hand()), value=start.network, label="Network",
            min_width=150, allow_custom_value=True, elem_id="network",
        )  # fmt: skip
    with gr.Accordion("Everything else", open=False, elem_id="rest"):
        _rest(page, start)


def _rest(page: Page, start: Controls) -> None:
    look = page.look
    look["how"] = gr.Radio(
        [("strength", "strength"), ("fixed weights", "weight")],
        value=start.how,
        label="How much of the painting",
        info="by strength, every pair is stylised alike; or by the weights here",
        elem_id="how",
    )
    with gr.Row():
        for name, words in (("beta", "Style"), ("alpha", "Content"),
                            ("tv", "Smoothing")):  # fmt: skip
            look[name] = gr.Number(
                getattr(start, name), label=f"{words} weight", min_width=90,
                elem_id=name,
            )  # fmt: skip
    with gr.Row():
        look["steps"] = gr.Textbox(
            start.steps, label="Steps a level", min_width=90, elem_id="steps"
        )
        look["init"] = gr.Dropdown(
            [*INITS, FEEDFORWARD], value=start.init, label="Start", min_width=130,
            allow_custom_value=True, elem_id="init",
        )  # fmt: skip
        look["seed"] = gr.Number(
            start.seed, precision=0, label="Seed", min_width=90, elem_id="seed"
        )
    with gr.Row():
        look["style_mix"] = gr.Textbox(
            start.style_mix, label="Shares of the paintings", placeholder="2 1",
            min_width=90, elem_id="style_mix",
        )  # fmt: skip
        page.kind = gr.Dropdown(
            list(KINDS), value=KINDS[0], label="File", min_width=90, filterable=False,
            elem_id="kind",
        )  # fmt: skip
    page.keep_metadata = gr.Checkbox(
        True, label="Keep author, date, camera and place of the photograph"
    )
    look["rest"] = gr.Textbox(
        start.rest, label="All other settings", lines=6, max_lines=14,
        elem_id="settings",
    )  # fmt: skip


def _paint(page: Page) -> None:
    with gr.Row(elem_classes="buttons"):
        page.paint = gr.Button("Paint", variant="primary", elem_id="paint")
        page.stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop")
    page.progress = gr.HTML(
        markup.empty(_NOTHING_YET), elem_id="progress", padding=False
    )
    page.compare = gr.ImageSlider(
        label="Before and after", visible=False, type="filepath", interactive=False,
        max_height=720, buttons=["fullscreen"], elem_id="compare",
    )  # fmt: skip
    page.done = gr.HTML("", elem_id="done", padding=False)
    with gr.Row(visible=True, elem_classes="buttons"):
        page.less = gr.Button("A bit less style", interactive=False, elem_id="less")
        page.more = gr.Button("A bit more style", interactive=False, elem_id="more")
        page.download = gr.DownloadButton(
            "Download", interactive=False, elem_id="download"
        )
    page.mask = gr.DownloadButton("Download the mask", visible=False, elem_id="mask")


def _draft(page: Page) -> None:
    page.drafts = gr.State(0)
    page.refine = gr.Button("Refine it", variant="primary", elem_id="refine")
    page.draft = gr.HTML(
        markup.empty("One pass: a draft of every change, in a moment."),
        elem_id="draft",
        padding=False,
    )


def _grid(page: Page) -> None:
    with gr.Row():
        page.rows = gr.Radio(
            [("strength", "strength"), ("content weight", "alpha")], value="strength",
            label="Rows", min_width=150, elem_id="rows",
        )  # fmt: skip
        page.row_values = gr.Textbox(
            "0.25 0.5 0.75", label="of", min_width=150, elem_id="row_values"
        )
    with gr.Row():
        page.columns = gr.Radio(
            [("stroke size", "style_scale"), ("style weight", "beta")],
            value="style_scale", label="Columns", min_width=150, elem_id="columns",
        )  # fmt: skip
        page.column_values = gr.Textbox(
            "0.7 1 1.5", label="of", min_width=150, elem_id="column_values"
        )
    page.grid_size = gr.Slider(
        64, 512, 192, step=16, label="Size of each", elem_id="grid_size"
    )
    with gr.Row(elem_classes="buttons"):
        page.grid = gr.Button("Paint the grid", variant="primary", elem_id="grid_paint")
        page.grid_stop = gr.Button("Stop", variant="stop", interactive=False)
    page.grid_progress = gr.HTML("", elem_id="grid_progress", padding=False)
    page.gallery = gr.Gallery(
        label="A click takes a setting over into Paint", columns=3, height="auto",
        allow_preview=False, object_fit="contain", buttons=[], interactive=False,
        elem_id="gallery",
    )  # fmt: skip


def _video(page: Page) -> None:
    with gr.Row(equal_height=False):
        page.clip = gr.File(
            label="Clip", file_types=["video", ".gif", ".webp"], height=140,
            min_width=200, elem_id="clip",
        )  # fmt: skip
        with gr.Column(min_width=200):
            page.clip_how = gr.Radio(
                [("one pass", False), ("optimised, slower", True)], value=False,
                label="Each frame", elem_id="clip_how",
            )  # fmt: skip
            with gr.Row():
                page.clip_start = gr.Number(
                    0, minimum=0, label="From second", min_width=80, elem_id="clip_from"
                )
                page.clip_end = gr.Number(
                    0,
                    minimum=0,
                    label="to (0: its end)",
                    min_width=80,
                    elem_id="clip_to",
                )
    with gr.Accordion("Parts of the clip", open=False, elem_id="clip_parts"):
        page.clip_mask = gr.File(
            label="Mask, white where it is painted: a picture, or as long a clip",
            file_types=["image", "video"], height=110, elem_id="clip_mask",
        )  # fmt: skip
    with gr.Row(elem_classes="buttons"):
        page.clip_paint = gr.Button(
            "Paint the clip", variant="primary", elem_id="clip_paint"
        )
        page.clip_stop = gr.Button(
            "Stop", variant="stop", interactive=False, elem_id="clip_stop"
        )
    page.clip_progress = gr.HTML("", elem_id="clip_progress", padding=False)
    page.clip_made = gr.Video(
        label="The painted clip", visible=False, interactive=False,
        buttons=["download"], elem_id="clip_made",
    )  # fmt: skip


def _live(page: Page) -> None:
    with gr.Row(elem_classes="buttons"):
        page.camera = gr.Button("Start the camera", variant="primary", elem_id="camera")
        page.camera_stop = gr.Button("Stop", variant="stop", elem_id="camera_stop")
        page.snapshot = gr.Button("Paint this moment", elem_id="snapshot")
    page.frame = gr.Textbox("", visible=False)
    page.live = gr.HTML(
        markup.empty(
            "The camera in one pass, as fast as this machine can; strength, stroke "
            "size and paintings may change meanwhile."
        ),
        elem_id="live",
        padding=False,
    )
    with gr.Row(equal_height=False):
        with gr.Column(min_width=220):
            gr.HTML(markup.VIDEO, padding=False, elem_id="seen")
        with gr.Column(min_width=220):
            page.camera_side = gr.Slider(
                96, 512, 256, step=32, label="Size", elem_id="camera_side",
                info="long side in pixels: smaller is faster",
            )  # fmt: skip


def _read(page: Page) -> None:
    page.finished = _picture_file(
        label="A picture made by jaxnst",
        sources=["upload"],
        height=260,
        elem_id="finished",
    )
    page.read = gr.HTML(
        markup.note("Its settings fill the page; then press Paint."),
        elem_id="read",
        padding=False,
    )
