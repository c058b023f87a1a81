// The stage shows the source: nothing yet, a still picture or a video, with boxes over it.
import { labelsOf, numbersOf, summaryOf } from "./expressions.js";
import { hide } from "./focus.js";
import { drawFaces } from "./overlay.js";

/** The stage. */
export class Stage {
  #root = document.getElementById("stage");
  #media = document.getElementById("media");
  #still = document.getElementById("still");
  #overlay = document.getElementById("overlay");
  #shown = null; // {picture, image, faces, isLate} from the answer on show
  #lit = null; // number of the face that is pointed at
  #onPoint = () => {};
  #onPress = () => {};
  video = document.getElementById("video");

  constructor() {
    new ResizeObserver(() => this.draw()).observe(this.#overlay);
    this.video.addEventListener("resize", () => this.#turn());
    this.#media.addEventListener("pointermove", (event) => this.#onPoint(this.#numberAt(event)));
    this.#media.addEventListener("pointerleave", () => this.#onPoint(null));
    this.#media.addEventListener("click", (event) => {
      if (this.video.hidden) this.#onPress(this.#numberAt(event));
    });
  }

  /**
   * Have a pointer on the picture tell which face it is at.
   *
   * @param {(number: number | null) => void} onPoint
   * @param {(number: number | null) => void} onPress
   */
  tell(onPoint, onPress) {
    this.#onPoint = onPoint;
    this.#onPress = onPress;
  }

  /** Show a source's invitation: "camera", "picture" or "video". */
  invite(source) {
    this.#shown = null;
    this.#media.hidden = true;
    this.#root.classList.remove("playing");
    this.#offer(source);
  }

  /** Show the video element; its size must be known. */
  showVideo({ mirrored, controls }) {
    this.#still.hidden = true;
    this.video.hidden = false;
    this.video.controls = controls;
    this.#media.classList.toggle("mirrored", mirrored);
    this.#open(this.video.videoWidth, this.video.videoHeight);
  }

  /**
   * Show a still picture.
   *
   * @param {{width: number, height: number}} image Its size, for its shape.
   * @param {HTMLCanvasElement | null} picture Null: an empty one.
   * @param {{mirrored: boolean}} options
   */
  showStill(image, picture, { mirrored = false } = {}) {
    const { width, height } = picture ?? image;
    this.video.hidden = true;
    this.#still.hidden = false;
    Object.assign(this.#still, { width, height });
    if (picture) this.#still.getContext("2d").drawImage(picture, 0, 0);
    this.#media.classList.toggle("mirrored", mirrored);
    this.#open(image.width, image.height);
  }

  /** The still picture on show. */
  get still() {
    return this.#still;
  }

  /**
   * Draw an answer's faces.
   *
   * @param {CanvasImageSource} picture The picture that was sent.
   * @param {{image: object, faces: object[]}} answer
   * @param {{isLate: boolean}} options Whether a camera has moved on since: then the picture itself is shown too.
   */
  show(picture, { image, faces }, { isLate = false } = {}) {
    this.#shown = { picture, image, faces, isLate: isLate && !this.video.hidden && !this.video.controls };
    this.#overlay.hidden = false;
    this.draw();
  }

  /** Remove the boxes: what is shown now has no answer. */
  hideBoxes() {
    this.#overlay.hidden = true;
  }

  /** Light one face's box, by its number; null: none. */
  light(number) {
    if (number === this.#lit) return;
    this.#lit = number;
    this.draw();
  }

  /** Redraw the boxes after a change of size or language. */
  draw() {
    const overlay = this.#overlay;
    overlay.width = overlay.clientWidth * devicePixelRatio;
    overlay.height = overlay.clientHeight * devicePixelRatio;
    overlay.setAttribute("aria-label", this.#shown ? summaryOf(this.#shown.faces) : "");
    if (!this.#shown || !overlay.width) return;
    const mirrored = this.#media.classList.contains("mirrored");
    const { picture, image, faces, isLate } = this.#shown;
    const context = overlay.getContext("2d");
    if (isLate) drawPicture(context, picture, mirrored);
    const fontPx = (overlay.clientWidth < 500 ? 12 : 14) * devicePixelRatio;
    const lit = numbersOf(faces).indexOf(this.#lit);
    drawFaces(context, faces, { image, labels: labelsOf(faces), fontPx, mirrored, lit });
  }

  /** The face under a pointer, the smallest if several are. */
  #numberAt(event) {
    if (!this.#shown || this.#overlay.hidden) return null;
    const { left, top, width, height } = this.#overlay.getBoundingClientRect();
    const { image, faces } = this.#shown;
    let x = ((event.clientX - left) / width) * image.width;
    if (this.#media.classList.contains("mirrored")) x = image.width - x;
    const y = ((event.clientY - top) / height) * image.height;
    const numbers = numbersOf(faces);
    let found = null;
    faces.forEach(({ box }, index) => { // the largest come first
      if (x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height) found = numbers[index];
    });
    return found;
  }

  /** Show only one source's button, or none. */
  #offer(source) {
    for (const start of this.#root.querySelectorAll("[data-for]")) {
      if (start.dataset.for === source) start.hidden = false;
      else hide(start);
    }
  }

  #open(width, height) {
    this.#shown = null;
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
    this.#media.style.setProperty("--ratio", String(width / height));
  }
}

/** A picture with its boxes, as PNG; faces as the server sends them. */
export function annotated({ picture, image, faces }, type = "image/png", mostSidePx = Infinity) {
  const scale = Math.min(1, mostSidePx / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width * scale, picture.height * scale];
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const fontPx = Math.max(12, Math.round(canvas.width / 60));
  drawFaces(context, faces, { image, labels: labelsOf(faces), fontPx });
  return new Promise((resolve) => { canvas.toBlob(resolve, type, 0.85); });
}

function drawPicture(context, picture, mirrored) {
  const { width, height } = context.canvas;
  context.save();
  if (mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
  context.drawImage(picture, 0, 0, width, height);
  context.restore();
}
