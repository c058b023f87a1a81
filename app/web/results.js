// The panel of results: the faces on show, how fast they come, and what is said to screen readers.
import { decimal, text } from "./language.js";
import { summaryOf } from "./expressions.js";
import { Meter } from "./meter.js";
import { Rows } from "./rows.js";

const TALK_MS = 4_000; // a stream is not announced more often than this

const byId = (id) => document.getElementById(id);

/** Everything beside the stage. */
export class Results {
  #stage;
  #rows;
  #shown = null; // {faces, isLive}; null: nothing was answered
  #told = { at: 0, words: "" };
  meter = new Meter();

  /**
   * @param {Stage} stage
   * @param {() => string} key The API key.
   */
  constructor(stage, key) {
    this.#stage = stage;
    this.#rows = new Rows((number) => this.#light(number), key);
    stage.tell((number) => this.#light(number), (number) => this.#rows.reveal(number));
    byId("sort").addEventListener("change", () => this.#rows.sort(byId("sort").value));
  }

  /** Show nothing. */
  clear() {
    this.#rows.clear();
    this.#shown = null;
    this.#told = { at: 0, words: "" };
    this.meter.clear();
    this.#light(null);
    this.#write();
  }

  /** Remove the rows of another session or picture: the same numbers are now other faces. */
  startAfresh() {
    this.#rows.clear();
  }

  /**
   * Show one answer's faces.
   *
   * @param {{image: object, faces: object[]}} answer
   * @param {object} options
   * @param {CanvasImageSource | null} options.picture What they were found in; null: small pictures stay as they are.
   * @param {number} options.widthPx Width of that picture.
   * @param {boolean} options.isLive Whether more frames follow.
   * @param {boolean} options.isSilent Whether it was announced before.
   */
  show({ image, faces }, { picture, widthPx, isLive = false, isSilent = false }) {
    this.#shown = { faces, isLive };
    this.#rows.show(faces, { picture, scale: widthPx / image.width, isLive, sort: byId("sort").value });
    this.#write();
    if (!isSilent) this.#tell(summaryOf(faces));
  }

  /** Rewrite everything in the current language. */
  translate() {
    this.#stage.draw();
    this.#rows.translate();
    this.#write();
  }

  /** Rewrite the figures. */
  writeFigures({ isShown, isStream }) {
    byId("figures").hidden = !isShown;
    byId("rate-figure").hidden = !isStream;
    const { rate, roundTripMs } = this.meter;
    byId("rate").textContent = rate === null ? "–" : decimal(rate, 1);
    byId("round-trip").textContent = roundTripMs === null ? "–" : text("milliseconds", { value: decimal(roundTripMs) });
  }

  #light(number) {
    this.#stage.light(number);
    this.#rows.light(number);
  }

  #write() {
    const count = this.#shown?.faces.length ?? 0;
    byId("count").hidden = !count;
    byId("count").textContent = String(count);
    byId("nothing").hidden = count > 0;
    byId("nothing").textContent = text(this.#shown ? "nobody" : "nothingYet");
    byId("sort-choice").hidden = count < 2 || this.#shown.isLive;
  }

  /** Announce it, unless nothing changed or a stream was announced just now. */
  #tell(words) {
    const now = performance.now();
    const gist = words.replaceAll(/\d+\s*%/g, "");
    if (this.#shown.isLive && (gist === this.#told.words || now < this.#told.at + TALK_MS)) return;
    this.#told = { at: now, words: gist };
    announce(words);
  }
}

/** Have a screen reader say something at its next pause. */
export function announce(words) {
  byId("announcer").textContent = words;
}
