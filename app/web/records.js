// The answers, for downloads; kept in this tab and nowhere else.
import { EXPRESSIONS, numbersOf } from "./expressions.js";

const MOST_FRAMES = 20_000; // half an hour at 11 frames per second; then the oldest go
const MOST_FACES = 200_000; // in crowds; more would not fit into one string for a download
const COLUMNS = [
  "frame", "time_s", "face", "emotion", "confidence", ...EXPRESSIONS,
  "x", "y", "width", "height", "detection_confidence", "image_width", "image_height",
];

/** The frames of one source. */
export class Records {
  #frames = [];
  #faces = 0;
  #source = "";
  #model = null;

  /** Start over: "camera", "picture" or "video". */
  begin(source) {
    this.#frames = [];
    this.#faces = 0;
    this.#source = source;
    this.#model = null;
  }

  /** Which weights answer. */
  set model(names) {
    this.#model = names;
  }

  /** How many frames are kept. */
  get size() {
    return this.#frames.length;
  }

  /** Keep one answer; `timeS` is the time in the video, or since the camera started. */
  add({ frame, timeS, image, faces }) {
    this.#frames.push({ frame, time_s: Number(timeS.toFixed(3)), image, faces });
    this.#faces += faces.length;
    while (this.#frames.length > MOST_FRAMES || (this.#faces > MOST_FACES && this.#frames.length > 1)) {
      this.#faces -= this.#frames.shift().faces.length;
    }
  }

  /** One row per face; frames without faces have none. */
  csv() {
    const rows = this.#frames.flatMap(({ frame, time_s, image, faces }) => {
      const numbers = numbersOf(faces);
      return faces.map((face, index) => [
        frame, time_s, numbers[index], face.emotion, face.confidence,
        ...EXPRESSIONS.map((expression) => face.probabilities[expression]),
        face.box.x, face.box.y, face.box.width, face.box.height, face.detection_confidence,
        image.width, image.height,
      ]);
    });
    return [COLUMNS, ...rows].map((row) => `${row.join(",")}\r\n`).join("");
  }

  /** Everything, including frames without faces. */
  json() {
    return JSON.stringify({ source: this.#source, model: this.#model, frames: this.#frames }, null, 1);
  }
}

/** Hand a file to the browser's downloads. */
export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
