// The browser's camera: one frame at a time goes to the server, those that the camera
// gives meanwhile are dropped. And the brush's colours.
window.jaxnst = (() => {
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

  const press = (name) =>
    document.querySelector(`#editor button[aria-label="${name}"]`)?.click();

  // The editor shows other colours of its brush when that is taken up anew.
  function renew(then) {
    press("Erase");
    requestAnimationFrame(() => {
      press("Brush");
      if (then) requestAnimationFrame(then);
    });
  }

  // The brush of the photograph's parts takes the colour of a painting.
  function brush(number) {
    const color = () => document.querySelectorAll("#editor button.color")[number];
    const take = (left) => {
      if (color()) color().click();
      else if (left) requestAnimationFrame(() => take(left - 1));
    };
    renew(() => {
      press("Color");
      take(60);
    });
  }

  return { start, stop, frame, brush, renew };
})();
