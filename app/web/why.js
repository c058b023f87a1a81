// Why a face was called so: its crop with what speaks for the answer, as POST /classify?explain=true says it.
import { element, THUMB_SHARE } from "./dom.js";
import { Failure } from "./failure.js";
import { percent, text } from "./language.js";
import { emotionNetwork, worthOf } from "./models.js";
import { explainFace } from "./server.js";

const SIDE_PX = 192;
const MOST_SIDE_PX = 512; // of what is sent
const LEAST_FULL_DROP = 0.05; // the largest drop of a map is drawn in full colour, unless it is smaller than this
const STRONGEST = 0.7; // share of a full colour
const [STEP, FIRST] = [10 / 48, 9 / 48]; // from one mask's middle to the next, and of the first, in sides of the crop
const [FOR, AGAINST] = ["255 140 0", "30 110 255"];

/** The part of an opened row that explains it: a button, and then the map. */
export class Why {
  #button = element("button", "button why-button", { type: "button" });
  #map = element("canvas", "why-map", { width: SIDE_PX, height: SIDE_PX, hidden: true });
  #words = element("p", "why-words");
  #root = element("div", "why");
  #isBusy = false;
  #told = null; // {key, emotion, isOther, isSpread, worth}: what the words say

  /**
   * @param {HTMLElement} parent
   * @param {() => {thumb: HTMLCanvasElement, face: object, source: object | null}} row What is explained when the button
   *   is pressed; `source` is what it was found in, {picture, scale}, if that is still on show.
   * @param {() => string} key The API key.
   */
  constructor(parent, row, key) {
    this.#map.setAttribute("role", "img");
    this.#words.setAttribute("aria-live", "polite");
    this.#button.addEventListener("click", () => this.#explain(row(), key()));
    this.#root.append(this.#button, this.#map, this.#words);
    parent.append(this.#root);
    this.translate();
  }

  translate() {
    this.#button.textContent = text("why");
    this.#words.textContent = this.#told ? wordsOf(this.#told) : "";
    this.#map.setAttribute("aria-label", this.#words.textContent);
  }

  async #explain({ thumb, face, source }, key) {
    if (this.#isBusy) return; // a disabled button would lose the keyboard's focus
    this.#isBusy = true;
    try {
      const network = await emotionNetwork();
      const [seen, box] = source ? [source, face.box] : ofThumb(thumb);
      const crop = cropOf(seen, { ...face, box }, network.crop);
      if (isBlank(crop)) throw new Failure("noPreview");
      const png = await new Promise((resolve) => { crop.toBlob(resolve, "image/png"); });
      const { emotion, explanation } = await explainFace(png, { key });
      drawMap(this.#map, crop, explanation.drops);
      this.#map.hidden = false;
      const isSpread = largestOf(explanation.drops) < LEAST_FULL_DROP;
      const isOther = emotion !== face.emotion;
      this.#told = { key: "whyWords", emotion, isOther, isSpread, worth: worthOf(network, emotion) };
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      this.#map.hidden = true;
      this.#told = { key: failure.kind };
    } finally {
      this.#isBusy = false;
      this.translate();
      this.#root.scrollIntoView({ block: "nearest" });
    }
  }
}

/** A smoothed face, or the small copy of one of a film, may be called otherwise than its row: then that comes first. */
function wordsOf({ key, emotion, isOther, isSpread, worth }) {
  if (!emotion) return text(key);
  const words = { emotion: text(emotion).toLowerCase() };
  const [low, high] = (worth ?? []).map(percent);
  const parts = [isOther && "whyOther", key, isSpread && "whySpread", worth && "whyWorth"].filter(Boolean);
  return parts.map((part) => text(part, { ...words, low, high })).join(" ");
}

function largestOf(drops) {
  return Math.max(...drops.flat().map(Math.abs));
}

/** Cut out of a picture what the classifier sees of a face, upright; `scale`: picture pixels per box pixel. */
export function cropOf({ picture, scale }, { box, rotation_deg: turnedDeg = 0 }, { margin, shift_y: shift }) {
  const whole = (1 + margin) * Math.max(box.width, box.height); // in pixels of the box
  const side = Math.max(1, Math.min(MOST_SIDE_PX, Math.round(whole * scale)));
  const crop = element("canvas", "", { width: side, height: side });
  const context = crop.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.scale(side / whole, side / whole);
  context.translate(whole / 2, whole / 2 - shift * whole);
  context.rotate((-turnedDeg * Math.PI) / 180);
  context.scale(1 / scale, 1 / scale);
  drawRepeated(context, picture, -(box.x + box.width / 2) * scale, -(box.y + box.height / 2) * scale, 2 * whole * scale);
  return crop;
}

/** Draw a picture, and repeat its border so far outward, as the server does. */
function drawRepeated(context, picture, x, y, far) {
  const width = picture.naturalWidth ?? picture.width;
  const height = picture.naturalHeight ?? picture.height;
  const columns = [[0, 1, x - far, far + 1], [width - 1, 1, x + width - 1, far + 1], [0, width, x, width]];
  const rows = [[0, 1, y - far, far + 1], [height - 1, 1, y + height - 1, far + 1], [0, height, y, height]];
  for (const [left, wide, toX, toWide] of columns) {
    for (const [top, high, toY, toHigh] of rows) {
      context.drawImage(picture, left, top, wide, high, toX, toY, toWide, toHigh);
    }
  }
}

/** A row's small picture in the place of a picture that has moved on, with its face's box. */
function ofThumb(thumb) {
  const side = thumb.width * THUMB_SHARE;
  const from = (thumb.width - side) / 2;
  return [{ picture: thumb, scale: 1 }, { x: from, y: from, width: side, height: side }];
}

/** Whether there is nothing to see, as where the browser could not show the picture. */
function isBlank(canvas) {
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return pixels.every((each) => each === pixels[0]);
}

/** Draw a map over its crop: orange where a place speaks for the answer, blue where against it. */
export function drawMap(canvas, crop, drops) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.filter = "grayscale(1)";
  context.drawImage(crop, 0, 0, width, height);
  context.filter = "none";
  const places = drops.length;
  const full = Math.max(LEAST_FULL_DROP, largestOf(drops));
  const small = element("canvas", "", { width: places + 2, height: places + 2 }); // the outer places are repeated
  const cells = small.getContext("2d");
  const within = (index) => Math.min(places - 1, Math.max(0, index - 1));
  for (let row = 0; row < places + 2; row += 1) {
    for (let column = 0; column < places + 2; column += 1) {
      const drop = drops[within(row)][within(column)];
      cells.fillStyle = `rgb(${drop > 0 ? FOR : AGAINST} / ${(Math.abs(drop) / full) * STRONGEST})`;
      cells.fillRect(column, row, 1, 1);
    }
  }
  const [cellX, cellY] = [width * STEP, height * STEP];
  const [left, top] = [width * FIRST - cellX * 1.5, height * FIRST - cellY * 1.5];
  context.imageSmoothingQuality = "high";
  context.drawImage(small, left, top, cellX * (places + 2), cellY * (places + 2));
}
