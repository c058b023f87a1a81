// The stage shows the source: nothing yet, a still picture or a video, with boxes over it.
import { labelsOf, summaryOf } from "./expressions.js";
import { hide } from "./focus.js";
import { drawFaces } from "./overlay.js";

const MOST_HEIGHT = "72vh";
const MOST_SIDE_PX = 4096; // larger canvases fail on some phones

/** The stage. */
export class Stage {
  #root = document.getElementById("stage");
  #media = document.getElementById("media");
  #still = document.getElementById("still");
  #overlay = document.getElementById("overlay");
  #shown = null; // {picture, image, faces, isLate} from the newest answer
  video = document.getElementById("video");

  constructor() {
    new ResizeObserver(() => this.draw()).observe(this.#overlay);
    this.video.addEventListener("resize", () => this.#turn());
  }

  /** Show a source's invitation: "camera", "picture" or "video". */
  invite(source) {
    this.#media.hidden = true;
    this.#root.classList.remove("playing");
    this.#offer(source);
  }

  /** Whether an answer is awaited. */
  set busy(isBusy) {
    this.#root.classList.toggle("busy", isBusy);
    this.#root.setAttribute("aria-busy", String(isBusy));
  }

  /** Show the video element; its size must be known. */
  showVideo({ mirrored, controls }) {
    this.#still.hidden = true;
    this.video.hidden = false;
    this.video.controls = controls;
    this.#media.classList.toggle("mirrored", mirrored);
    this.#open(this.video.videoWidth, this.video.videoHeight);
  }

  /** Show a still picture; given only sizes, an empty one. */
  showStill({ width, height, bitmap = null }) {
    const scale = Math.min(1, MOST_SIDE_PX / Math.max(width, height));
    this.video.hidden = true;
    this.#still.hidden = false;
    this.#still.width = Math.round(width * scale);
    this.#still.height = Math.round(height * scale);
    if (bitmap) this.#still.getContext("2d").drawImage(bitmap, 0, 0, this.#still.width, this.#still.height);
    this.#media.classList.remove("mirrored");
    this.#open(width, height);
  }

  /** The still picture on show. */
  get still() {
    return this.#still;
  }

  /**
   * Draw an answer's faces.
   *
   * @param {HTMLCanvasElement} picture The picture that was sent.
   * @param {{image: object, faces: object[]}} answer
   * @param {{isLate: boolean}} options Whether a camera has moved on since: then the picture itself is shown too.
   */
  show(picture, { image, faces }, { isLate }) {
    this.#shown = { picture, image, faces, isLate: isLate && !this.video.hidden && !this.video.controls };
    this.#overlay.hidden = false;
    this.draw();
  }

  /** Remove the boxes: what is shown now has no answer. */
  hideBoxes() {
    this.#overlay.hidden = true;
  }

  /** Redraw the boxes after a change of size or language. */
  draw() {
    const overlay = this.#overlay;
    overlay.width = overlay.clientWidth * devicePixelRatio;
    overlay.height = overlay.clientHeight * devicePixelRatio;
    overlay.setAttribute("aria-label", this.#shown ? summaryOf(this.#shown.faces) : "");
    if (!this.#shown) return;
    const mirrored = this.#media.classList.contains("mirrored");
    const { picture, image, faces, isLate } = this.#shown;
    const context = overlay.getContext("2d");
    if (isLate) drawPicture(context, picture, mirrored);
    const fontPx = (overlay.clientWidth < 500 ? 12 : 14) * devicePixelRatio;
    drawFaces(context, faces, { image, labels: labelsOf(faces), fontPx, mirrored });
  }

  /** The newest answered picture with its boxes, as PNG. */
  annotated() {
    const { picture, image, faces } = this.#shown;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const fontPx = Math.max(12, Math.round(canvas.width / 60));
    drawFaces(context, faces, { image, labels: labelsOf(faces), fontPx });
    return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  }

  /** Show only one source's button, or none. */
  #offer(source) {
    for (const start of this.#root.querySelectorAll("[data-for]")) {
      if (start.dataset.for === source) start.hidden = false;
      else hide(start);
    }
  }

  #open(width, height) {
    this.#offer(null);
    this.#root.classList.add("playing");
    this.#media.hidden = false;
    this.#shape(width, height);
  }

  /** A phone was rotated, or a video changes shape midway: boxes wait for the next answer. */
  #turn() {
    if (!this.video.hidden && this.video.videoWidth) this.#shape(this.video.videoWidth, this.video.videoHeight);
  }

  #shape(width, height) {
    this.hideBoxes();
    this.#media.style.aspectRatio = `${width} / ${height}`;
    this.#media.style.maxWidth = `calc(${MOST_HEIGHT} * ${width / height})`;
  }
}

function drawPicture(context, picture, mirrored) {
  const { width, height } = context.canvas;
  context.save();
  if (mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
  context.drawImage(picture, 0, 0, width, height);
  context.restore();
}
