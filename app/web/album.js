// Pictures and what was answered about them.
import { openPicture } from "./reduce.js";

const KEPT_OPEN = 6; // decoded pictures in memory; each has up to 26 MB
const THUMB_PX = 144;

/**
 * A picture of the album: `state` is "waiting", "sending", "done" or "failed".
 *
 * @typedef {{number: number, file: File, name: string, state: string, answer: object | null, failure: Failure | null,
 *   thumb: HTMLCanvasElement, canBeShown: boolean | null, roundTripMs: number}} Picture
 */

/** The pictures in the order in which they were chosen. */
export class Album {
  pictures = [];
  #opened = new Map(); // Picture -> what openPicture returned, the newest last

  /** Take files; returns their pictures. */
  add(files) {
    const first = this.pictures.length + 1;
    const added = files.map((file, index) => ({
      number: first + index, file, name: file.name || `picture-${first + index}`, state: "waiting",
      answer: null, failure: null, thumb: emptyThumb(), canBeShown: null, roundTripMs: 0,
    }));
    this.pictures.push(...added);
    return added;
  }

  /** Forget everything. */
  clear() {
    this.pictures = [];
    this.#opened.clear();
  }

  /** The pictures in one state. */
  in(state) {
    return this.pictures.filter((each) => each.state === state);
  }

  /** Decode a picture, or give what was decoded before; null if this browser cannot. */
  async open(picture) {
    if (!this.#opened.has(picture)) {
      const opened = await openPicture(picture.file);
      if (picture.canBeShown === null) drawWhole(picture.thumb, opened);
      picture.canBeShown = opened !== null;
      this.#opened.set(picture, opened);
    }
    const opened = this.#opened.get(picture);
    this.#opened.delete(picture);
    this.#opened.set(picture, opened);
    while (this.#opened.size > KEPT_OPEN) this.#opened.delete(this.#opened.keys().next().value);
    return opened;
  }

  /** What downloads hold: one frame for each answered picture. */
  get frames() {
    return this.in("done").map(({ name, answer: { image, faces } }, frame) => ({ file: name, frame, time_s: 0, image, faces }));
  }

  /** The files that were not read, for downloads. */
  get failed() {
    return this.in("failed").map(({ name, failure: { code, detail } }) => ({ file: name, error: code, detail }));
  }

  /** All faces of all pictures. */
  get faces() {
    return this.in("done").flatMap(({ answer }) => answer.faces);
  }
}

function emptyThumb() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = THUMB_PX;
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

/** The middle of a picture, as a square. */
function drawWhole(canvas, opened) {
  if (!opened) return;
  const { width, height } = opened.canvas;
  const side = Math.min(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(opened.canvas, (width - side) / 2, (height - side) / 3, side, side, 0, 0, THUMB_PX, THUMB_PX);
}
