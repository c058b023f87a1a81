// The source "picture": an album, of which one picture is on the stage.
import { Album } from "./album.js";
import { countsInWords, countsOf } from "./expressions.js";
import { backOffS, Failure } from "./failure.js";
import { stackedBar } from "./dom.js";
import { counted, text } from "./language.js";
import { stemOf } from "./records.js";
import { announce } from "./results.js";
import { sendWaiting } from "./sending.js";
import { Strip } from "./strip.js";
import { waitNoMore } from "./waiting.js";

const summary = document.getElementById("summary");

/** Pictures; they stay until the user drops them. */
export class Pictures {
  kind = "picture";
  isSaved = true;
  model = null;
  #ui; // {stage, notice, results, key, changed, untilRetry}
  #album = new Album();
  #strip = new Strip((picture) => this.#choose(picture));
  #chosen = null;
  #opened = null; // what the stage shows of it
  #running = null; // AbortController while it is on show
  #isSending = false;
  #isHalted = false; // a failure of all is on show, not of one picture

  constructor(ui) {
    this.#ui = ui;
  }

  get hasAnything() {
    return this.#album.pictures.length > 0;
  }

  get frames() {
    return this.#album.frames;
  }

  get failed() {
    return this.#album.failed;
  }

  get stem() {
    const { pictures } = this.#album;
    return pictures.length === 1 ? stemOf(pictures[0].name) : `mien-${pictures.length}-pictures`;
  }

  /** What is on the stage: for its download. */
  get onShow() {
    if (this.#chosen?.state !== "done") return null;
    return { picture: this.#ui.stage.still, ...this.#chosen.answer, stem: stemOf(this.#chosen.name) };
  }

  /** Each picture with its answer, for the report; `open` decodes it. */
  get gallery() {
    return this.#album.pictures.map((picture) => ({ ...picture, open: () => this.#album.open(picture) }));
  }

  /** Come on show. */
  enter() {
    this.#running = new AbortController();
    if (!this.hasAnything) this.#ui.stage.invite("picture");
    else this.#choose(this.#chosen);
    this.#run();
  }

  /** Leave the show; what was answered stays. */
  leave() {
    this.#running?.abort();
    this.#running = null;
    this.#isSending = this.#isHalted = false;
    this.#strip.hide();
    summary.hidden = true;
  }

  /** Take files while on show. */
  add(files) {
    const [first] = this.#album.add(files);
    this.#choose(first);
    if (!this.#isSending) this.#run();
  }

  /** Forget everything. */
  drop() {
    this.#running.abort();
    this.#running = new AbortController();
    this.#isSending = this.#isHalted = false;
    this.#album.clear();
    this.#chosen = this.#opened = this.model = null;
    this.isSaved = true;
    this.#strip.show([], null);
    this.#ui.results.clear();
    this.#ui.stage.invite("picture");
    this.#write();
  }

  translate() {
    for (const picture of this.#album.pictures) this.#strip.update(picture);
    this.#write();
  }

  async #run() {
    const { signal } = this.#running;
    this.#isSending = true;
    await sendWaiting(this.#album, {
      key: this.#ui.key,
      attributes: this.#ui.attributes,
      signal,
      onChange: (picture) => signal.aborted || this.#changed(picture),
      onFailure: async (failure, failures) => {
        waitNoMore();
        this.#isHalted = true;
        const waitS = Math.max(failure.retryAfterS, backOffS(failures));
        await this.#ui.untilRetry(failure, failure.passing ? waitS : Infinity);
        this.#isHalted = false;
      },
    });
    if (signal.aborted) return;
    this.#isSending = false;
    waitNoMore();
    if (this.#album.in("waiting").length) this.#run(); // added in the last moment
    else if (this.#album.pictures.length > 1) announce(this.#inWords());
  }

  #changed(picture) {
    if (picture.state === "done") {
      this.isSaved = false;
      this.model = { ...this.model, ...picture.answer.model };
      this.#ui.results.meter.add(picture.roundTripMs);
      if (!this.#isHalted && this.#chosen.state !== "failed") this.#ui.notice.settle();
    }
    this.#strip.update(picture);
    if (picture === this.#chosen) this.#showAnswer();
    this.#write();
  }

  async #choose(picture) {
    this.#chosen = picture;
    this.#strip.show(this.#album.pictures, picture);
    if (!this.#isHalted) this.#ui.notice.hide();
    this.#opened = null;
    const opened = await this.#album.open(picture);
    if (picture !== this.#chosen || !this.#running) return;
    this.#strip.update(picture);
    this.#opened = opened;
    if (opened) this.#ui.stage.showStill(opened.image, opened.canvas);
    this.#ui.results.clear();
    this.#showAnswer();
    this.#write();
  }

  /** Show what is known of the picture on the stage: its faces, or what went wrong. */
  #showAnswer() {
    const { state, answer, failure, canBeShown } = this.#chosen;
    const { stage, notice, results } = this.#ui;
    if (state === "failed") this.#showFailure(failure);
    if (state !== "done" || (canBeShown && !this.#opened)) return;
    if (!this.#isHalted) notice.hide();
    if (!canBeShown) {
      stage.showStill(answer.image, null);
      notice.mention(new Failure("noPreview"));
    }
    if (answer.image.truncated) notice.mention(new Failure("cutOff"));
    results.startAfresh();
    stage.show(stage.still, answer);
    results.show(answer, { picture: stage.still, widthPx: stage.still.width, isSilent: this.#album.pictures.length > 1 && this.#isSending });
  }

  #showFailure(failure) {
    const again = () => {
      Object.assign(this.#chosen, { state: "waiting", failure: null, tries: 0 });
      this.#ui.notice.hide();
      this.#changed(this.#chosen);
      if (!this.#isSending) this.#run();
    };
    if (!this.#chosen.canBeShown) this.#ui.stage.showStill({ width: 3, height: 1 }, null); // low: it is empty
    if (!this.#isHalted) this.#ui.notice.show(failure, { again: failure.worthATry ? again : null });
  }

  #inWords() {
    const { pictures, faces } = this.#album;
    const failed = this.#album.in("failed").length;
    const list = faces.length ? `: ${countsInWords(faces)}` : "";
    const found = this.#album.in("done").length ? `, ${counted("faces", faces.length)}${list}` : ""; // else not yet known
    const bad = failed ? ` ${text("sumFailed", { count: failed })}` : "";
    return `${counted("pictures", pictures.length)}${found}.${bad}`;
  }

  #write() {
    const { pictures, faces } = this.#album;
    summary.hidden = pictures.length < 2 || !this.#running;
    if (!summary.hidden) {
      const shares = countsOf(faces).map(([expression, count]) => [expression, count / faces.length]);
      summary.replaceChildren(this.#inWords(), stackedBar(shares));
    }
    if (this.#running) this.#ui.changed();
  }
}
