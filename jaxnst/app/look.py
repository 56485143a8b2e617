"""How the page looks: colours, the system's own fonts, and what a phone needs."""

from pathlib import Path
from typing import Any

import gradio as gr

CSS = Path(__file__).with_name("page.css").read_text()

HEAD = f"<script>{Path(__file__).with_name('page.js').read_text()}</script>"

_SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def theme() -> Any:
    """The theme: no font is fetched."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.orange,
        secondary_hue=gr.themes.colors.stone,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
        font=_SANS,
        font_mono=_MONO,
    ).set(
        body_background_fill="#faf8f5",
        body_background_fill_dark="#191715",
        block_border_width="1px",
        block_shadow="none",
        button_primary_background_fill="#c2410c",
        button_primary_background_fill_hover="#9a3412",
        button_primary_text_color="#ffffff",
        button_primary_background_fill_dark="#c2410c",
        button_primary_background_fill_hover_dark="#ea580c",
        slider_color="#c2410c",
        slider_color_dark="#ea580c",
    )
