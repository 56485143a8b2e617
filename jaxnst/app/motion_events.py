"""What moves: a camera, and clips."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from jaxnst.app import clips, markup, painting
from jaxnst.app.handlers import (
    DEVICE,
    PRIVATE,
    Handlers,
    Update,
    controls_on,
    paths_of,
)
from jaxnst.app.runs import Run, device
from jaxnst.app.uploads import (
    from_data_address,
    write_data_address,
)

_CAMERA_WAIT = 1.0  # seconds that a frame waits for the device


class MotionEvents(Handlers):
    """Of the tabs Live and Video."""

    def connect(self) -> None:
        """Connect their components."""
        self._connect_live()
        if self.page.clip is not None:
            self._connect_clip()

    # Live

    def _connect_live(self) -> None:
        page, look = self.page, self.page.look
        given = [page.frame, page.camera_side, page.styles,
                 look["how"], look["strength"], look["style_scale"]]  # fmt: skip
        # The answer to a frame asks for the next: never is more than one on its way.
        for listen, take in ((page.camera.click, "start"), (page.live.change, "frame")):
            listen(
                self.frame,
                given,
                page.live,
                js=f"async (_, side, ...rest) => "
                f"[await jaxnst.{take}(side), side, ...rest]",
                queue=False,
                trigger_mode="multiple",
                **PRIVATE,
            )
        page.camera_stop.click(None, None, None, js="() => jaxnst.stop()")
        page.snapshot.click(
            self.snapshot,
            page.frame,
            [page.content, page.message, page.tabs, page.tab],
            js="() => jaxnst.frame(4096)",
            queue=False,
            **PRIVATE,
        )

    def frame(
        self, request: gr.Request, data: str, side: float, styles: Any, how: str,
        strength: float, scale: float,
    ) -> Update:  # fmt: skip
        """A frame of the camera in one pass; the browser drops those between."""
        session, paths = self.sessions.of(request.session_hash), paths_of(styles)
        if data.startswith("error: "):
            return markup.error(f"no camera: {data.removeprefix('error: ')}")
        if not data:  # it was stopped
            return gr.skip()
        if not paths:
            return markup.error("a painting is missing; drop one, or take the samples")
        try:
            with device(wait=_CAMERA_WAIT) as free:
                if not free:
                    return markup.live(None, 0.0, session.camera.skip())
                image = session.camera.paint(
                    from_data_address(data, session.folder / "frame.jpg"),
                    paths,
                    strength=strength if how == "strength" else None,
                    side=int(side),
                    style_scale=scale,
                )
        except Exception as error:
            return markup.error(self.line(error, *paths))
        return markup.live(image, session.camera.rate, session.camera.count)

    def snapshot(self, request: gr.Request, data: str) -> list[Update]:
        """What the camera sees becomes the photograph."""
        session = self.sessions.of(request.session_hash)
        if not data:
            shown = markup.error("the camera is off; start it first")
            return [gr.skip(), shown, gr.skip(), gr.skip()]
        path = session.new_folder() / "camera.jpg"
        write_data_address(data, path)
        return [str(path), "", gr.Tabs(selected="paint"), "paint"]

    # Video

    def _connect_clip(self) -> None:
        page = self.page
        shown = [page.clip_progress, page.clip_made, page.clip_paint, page.clip_stop]
        page.clip_paint.click(
            self.begin_clip, None, shown, show_progress="hidden", queue=False,
            api_visibility="private",
        ).then(
            self.clip,
            [page.clip, page.styles, page.clip_mask, page.clip_how, page.clip_start,
             page.clip_end, *page.controls],
            shown,
            show_progress="minimal", show_progress_on=page.clip_progress,
            api_visibility="private", **DEVICE,
        )  # fmt: skip

    def begin_clip(self, request: gr.Request) -> list[Update]:
        """The clip waits until the device is free."""
        self.sessions.of(request.session_hash).begin()
        return _clip_running(markup.note("waiting for its turn"))

    def clip(
        self, request: gr.Request, clip: Any, styles: Any, mask: Any, optimised: bool,
        start: float | None, end: float | None, *look: Any,
    ) -> Iterator[list[Update]]:  # fmt: skip
        """Paint the clip."""
        session = self.sessions.of(request.session_hash)
        run: Run[Any] = session.run or session.begin()
        paths: tuple[Path, ...] = ()
        try:
            if clip is None:
                raise ValueError("a clip is missing; drop one")
            painting.check_order(clip, styles, painting.KINDS[0])
            path, paths = Path(str(clip)), paths_of(styles)
            settings = clips.clip_settings(controls_on(look), optimised=optimised)
            settings = clips.with_mask(settings, mask)
            order = clips.ClipOrder(path, paths, settings, start or 0.0, end or None)
            folder = session.new_folder()
            run.start(lambda run: clips.paint(order, folder, run))
            for update in run.updates():
                shown = markup.progress(update, ends=run.stopped(), unit="frame")
                yield _clip_running(shown)
            made = run.result()
        except Exception as error:
            yield [markup.error(self.line(error, *paths)), gr.skip(), *_CLIP_IDLE]
            return
        if made is None:
            yield [markup.note("stopped before it began"), gr.skip(), *_CLIP_IDLE]
            return
        video = gr.update(value=str(made.path), visible=True)
        yield [markup.clip(made), video, *_CLIP_IDLE]


_CLIP_IDLE = [gr.update(interactive=True), gr.update(interactive=False)]


def _clip_running(shown: str) -> list[Update]:
    hidden = gr.update(visible=False)
    return [shown, hidden, gr.update(interactive=False), gr.update(interactive=True)]
