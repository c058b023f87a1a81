// The results: cards, timeline, figures, downloads and the text for screen readers.
import { Cards } from "./cards.js";
import { EXPRESSIONS, numbersOf, summaryOf } from "./expressions.js";
import { decimal, text } from "./language.js";
import { Meter } from "./meter.js";
import { Records, save } from "./records.js";
import { Timeline } from "./timeline.js";

const TALK_MS = 4_000; // a stream is not announced more often than this
const LATE_MS = 250; // with slower answers, boxes would lag behind a moving face

const byId = (id) => document.getElementById(id);

/** Everything beside the stage. */
export class Results {
  #stage;
  #timeline = new Timeline();
  #cards = new Cards((id) => this.#follow(id));
  #meter = new Meter();
  #records = new Records();
  #isStream = false;
  #faces = null; // from the newest answer
  #numbers = { before: 0, last: 0 }; // of faces: given before this session, given in total
  #told = { at: 0, words: "" };

  /** @param {Stage} stage */
  constructor(stage) {
    this.#stage = stage;
    for (const expression of EXPRESSIONS) {
      const item = document.createElement("li");
      item.dataset.emotion = item.dataset.text = expression;
      byId("legend").append(item);
    }
    byId("save-csv").addEventListener("click", () => save("mien.csv", new Blob([this.#records.csv()], { type: "text/csv" })));
    byId("save-json").addEventListener("click", () => save("mien.json", new Blob([this.#records.json()], { type: "application/json" })));
    byId("save-png").addEventListener("click", async () => save("mien.png", await stage.annotated()));
  }

  /** Start over with a source: "camera", "picture" or "video". */
  begin(source) {
    this.#isStream = source !== "picture";
    this.#records.begin(source);
    this.#timeline.clear();
    this.#cards.clear();
    this.#meter.clear();
    this.#faces = null;
    this.#numbers = { before: 0, last: 0 };
    this.#told = { at: 0, words: "" };
    byId("timeline-panel").hidden = true;
    byId("figures").hidden = true;
    byId("rate-figure").hidden = !this.#isStream;
    this.translate();
  }

  /**
   * The server begins to answer, with these weights. It counts tracks from 1, and track 1 may now be someone else, so
   * numbers go on from those already given.
   */
  beginSession(model) {
    this.#records.model = model;
    this.#numbers.before = this.#numbers.last;
    this.#timeline.followed = null;
    this.#cards.clear();
  }

  /** Show one answer about `picture`, a canvas. */
  add(answer, { picture, frame, timeS, roundTripMs }) {
    const { image } = answer;
    const faces = this.#numbered(answer.faces);
    this.#faces = faces;
    this.#records.add({ frame, timeS, image, faces });
    this.#meter.add(roundTripMs);
    this.#stage.show(picture, { image, faces }, { isLate: this.#meter.roundTripMs > LATE_MS });
    if (this.#isStream) {
      byId("timeline-panel").hidden = false;
      const numbers = numbersOf(faces);
      this.#timeline.add(new Map(faces.map((face, index) => [numbers[index], face.probabilities])));
    }
    this.#cards.show(faces, picture, picture.width / image.width, { followed: this.#followed });
    byId("figures").hidden = false;
    this.#write();
    this.#tell(summaryOf(faces));
  }

  /** Rewrite everything in the current language. */
  translate() {
    this.#stage.draw();
    this.#timeline.draw();
    this.#cards.translate(this.#followed);
    this.#write();
  }

  #numbered(faces) {
    const { before, last } = this.#numbers;
    const numbered = faces.map((face) => ({ ...face, track_id: face.track_id && face.track_id + before }));
    this.#numbers.last = Math.max(last, ...numbersOf(numbered));
    return numbered;
  }

  get #followed() {
    return this.#isStream ? this.#timeline.followed ?? 0 : null;
  }

  #follow(id) {
    this.#timeline.followed = id;
    this.#timeline.draw();
    this.#cards.translate(id);
  }

  #write() {
    const { size } = this.#records;
    const count = this.#faces?.length ?? 0;
    byId("count").hidden = !count;
    byId("count").textContent = String(count);
    byId("nothing").hidden = count > 0;
    byId("nothing").textContent = text(this.#faces ? "nobody" : "nothingYet");
    for (const id of ["save-csv", "save-json", "save-png"]) byId(id).disabled = !this.#faces;
    byId("recorded").textContent = size ? text(size === 1 ? "recordedOne" : "recordedMany", { count: decimal(size) }) : "";
    const { rate, roundTripMs } = this.#meter;
    byId("rate").textContent = rate === null ? "–" : decimal(rate, 1);
    byId("round-trip").textContent = roundTripMs === null ? "–" : text("milliseconds", { value: decimal(roundTripMs) });
  }

  /** Announce it, unless nothing changed or a stream was announced just now. */
  #tell(words) {
    const now = performance.now();
    const gist = words.replaceAll(/\d+\s*%/g, "");
    if (this.#isStream && (gist === this.#told.words || now < this.#told.at + TALK_MS)) return;
    this.#told = { at: now, words: gist };
    announce(words);
  }
}

/** Have a screen reader say something at its next pause. */
export function announce(words) {
  byId("announcer").textContent = words;
}
