// The browser's camera: one frame at a time goes to the server, those that the camera
// gives meanwhile are dropped. And the brush's colours.
window.jaxnst = (() => {
  const FRAMES = 60; // after which the editor has shown what it was given
  let stream = null;

  const video = () => document.getElementById("jaxnst-video");

  async function start(side) {
    try {
      stop();
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
      video().srcObject = stream;
      await video().play();
      return frame(side);
    } catch (error) {
      return `error: ${error.message || error.name || error}`;
    }
  }

  function stop() {
    (stream ? stream.getTracks() : []).forEach((track) => track.stop());
    stream = null;
  }

  // A JPEG as a data address, its long side at most so many pixels; "" without a camera.
  function frame(side) {
    const { videoWidth: width, videoHeight: height } = video() || {};
    if (!stream || !width) return "";
    const scale = Math.min(1, side / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d").drawImage(video(), 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.9);
  }

  const button = (name) =>
    document.querySelector(`#editor button[aria-label="${name}"]`);
  const press = (name) => button(name)?.click();
  const color = () => button("Color") && getComputedStyle(button("Color")).color;
  const colors = () => [...document.querySelectorAll("#editor button.color")];

  // Which of the brush's colours was taken last, by the legend or from the palette.
  let taken = null;
  document.addEventListener("click", ({ target }) => {
    const number = colors().indexOf(target.closest?.("#editor button.color"));
    if (number >= 0) taken = number;
  });

  function again(then) {
    press("Erase");
    requestAnimationFrame(() => {
      press("Brush");
      requestAnimationFrame(then);
    });
  }

  // The brush of the photograph's parts takes the colour of a painting.
  function brush(number, then) {
    const take = (left) => {
      if (colors()[number]) colors()[number].click();
      else if (left) return requestAnimationFrame(() => take(left - 1));
      then?.();
    };
    taken = number;
    again(() => {
      press("Color");
      take(FRAMES);
    });
  }

  // The brush that the server changes begins with its first colour, some frames after it
  // was changed: the one that was taken, which the legend shows, stays.
  let watching = 0;
  function keep() {
    const idle = watching === 0;
    watching = FRAMES;
    if (idle) watch();
  }

  function watch() {
    watching -= 1;
    if (watching === 0) return;
    const next = () => requestAnimationFrame(watch);
    const wanted = document.querySelectorAll(".jaxnst-brush")[taken];
    if (taken === null || !wanted || !color()) return next();
    if (color() === getComputedStyle(wanted).color) return next();
    brush(taken, () => {
      press("Color");
      next();
    });
  }

  // The editor shows colours for another number of paintings when the brush is taken up
  // anew.
  let paintings = null;
  function renew(styles) {
    const before = paintings;
    paintings = styles?.length ?? 0;
    if (paintings === before) keep();
    else again(keep);
  }

  return { start, stop, frame, brush, keep, renew };
})();
