// The source "video": a film with its own time. It is answered while it plays, or whole; what was answered is replayed.
import { Failure } from "./failure.js";
import { Film } from "./film.js";
import { Frames } from "./frames.js";
import { durationOf, hasPicture } from "./filmfile.js";
import { text } from "./language.js";
import { runLive } from "./live.js";
import { stemOf } from "./records.js";
import { scaledBack } from "./reduce.js";
import { announce } from "./results.js";
import { Sweep, timesOf } from "./sweep.js";
import { sweepProgress } from "./sweepprogress.js";
import { waitNoMore } from "./waiting.js";

const ROWS_MS = 200; // the rows beside a film that plays change no more often
const GAP_S = 0.7; // a face that is missed for longer leaves a gap in its lane
const whole = document.getElementById("whole");

/** A film; it stays until the user drops it. */
export class Films {
  kind = "video";
  isSaved = true;
  #ui;
  #video;
  #film = null;
  #scene = 0; // another number after each seek
  #shown = new AbortController(); // while it is on show
  #work = new AbortController(); // what is being answered now
  #isSweeping = false;
  #rowsAt = 0;
  #wantedS = null; // where a drag wants to go
  #restingAtS = 0; // where it was when it left the show

  constructor(ui) {
    this.#ui = ui;
    this.#video = ui.stage.video;
    whole.addEventListener("click", () => (this.#isSweeping ? this.#play() : this.#sweep()));
  }

  get hasAnything() {
    return this.#film !== null;
  }

  get frames() {
    return this.#film?.frames ?? [];
  }

  get model() {
    return this.#film?.model ?? null;
  }

  get stem() {
    return stemOf(this.#film?.name ?? "film");
  }

  get film() {
    return this.#film;
  }

  /** The frame on the stage and its faces: for its download. */
  get onShow() {
    const answer = this.#film?.at(this.#video.currentTime);
    if (!answer || !this.#video.videoWidth) return null;
    const picture = document.createElement("canvas");
    [picture.width, picture.height] = [this.#video.videoWidth, this.#video.videoHeight];
    picture.getContext("2d").drawImage(this.#video, 0, 0);
    return { picture, ...answer, stem: `${this.stem}-${this.#video.currentTime.toFixed(1)}s` };
  }

  /** Come on show. */
  enter() {
    this.#shown = new AbortController();
    if (this.#film) this.#show({ atS: this.#restingAtS, isPlaying: false });
    else this.#ui.stage.invite("video");
    this.#write();
  }

  /** Leave the show; what was answered stays. */
  leave() {
    this.#restingAtS = this.#video.currentTime;
    this.#shown.abort();
    this.#end();
    this.#video.removeAttribute("src");
    this.#video.load();
    this.#ui.lanes.hide();
    whole.hidden = true;
  }

  /** Take a file while on show. */
  async open(file) {
    if (!Frames.areTold) return this.#ui.notice.show(new Failure("oldBrowser"));
    this.#forget();
    this.#film = new Film({ file, url: URL.createObjectURL(file), durationS: NaN });
    await this.#show({ atS: 0, isPlaying: true });
  }

  /** Forget everything. */
  drop() {
    this.#forget();
    this.#shown.abort();
    this.#shown = new AbortController();
    this.#ui.stage.invite("video");
    this.#write();
  }

  /** Go to a time. */
  seek(timeS) {
    this.#ui.lanes.timeS = timeS;
    this.#wantedS = timeS;
    if (!this.#video.seeking) this.#video.currentTime = timeS; // else once that one has come
  }

  translate() {
    this.#write();
  }

  #forget() {
    this.#end();
    if (this.#film) URL.revokeObjectURL(this.#film.url);
    this.#film = null;
    this.isSaved = true;
    this.#video.removeAttribute("src");
    this.#ui.results.clear();
    this.#ui.lanes.hide();
  }

  #end() {
    this.#work.abort();
    this.#work = new AbortController();
    this.#isSweeping = false;
    waitNoMore();
    this.#ui.notice.hide();
  }

  /** Load the film into the video element, and begin. */
  async #show({ atS, isPlaying }) {
    this.#shown.abort();
    this.#shown = new AbortController();
    const { signal } = this.#shown;
    const video = this.#video;
    const film = this.#film;
    video.src = film.url;
    video.muted = true;
    if (!(await hasPicture(video, signal))) {
      if (signal.aborted) return;
      this.drop();
      this.#ui.notice.show(new Failure("badVideo"));
      return;
    }
    film.durationS = await durationOf(video, signal);
    if (signal.aborted) return;
    this.#ui.stage.showVideo({ mirrored: false, controls: true });
    const span = () => ({ fromS: 0, toS: film.durationS, gapS: GAP_S });
    this.#ui.lanes.show(film.tracks, { span, isFilm: true, covered: () => film.covered });
    video.addEventListener("seeking", () => { if (film.size) this.#scene += 1; }, { signal });
    video.addEventListener("seeked", () => {
      if (this.#wantedS !== null && this.#wantedS !== video.currentTime) video.currentTime = this.#wantedS;
      this.#wantedS = null;
    }, { signal });
    this.#watch(signal);
    this.#play();
    video.currentTime = atS; // also tells the first frame, which may have been shown before anybody watched
    if (isPlaying) video.play().catch(() => {}); // a browser may require a press of its play button first
  }

  /** Draw the faces of each frame as it is shown. */
  #watch(signal) {
    const draw = (_, { mediaTime }) => {
      if (signal.aborted) return;
      this.#draw(mediaTime);
      this.#video.requestVideoFrameCallback(draw);
    };
    this.#video.requestVideoFrameCallback(draw);
  }

  #draw(timeS) {
    const answer = this.#film?.at(timeS);
    const { stage, lanes, results } = this.#ui;
    lanes.timeS = timeS;
    if (!answer) return stage.hideBoxes();
    stage.show(this.#video, answer);
    const now = performance.now();
    if (now < this.#rowsAt + ROWS_MS && !this.#video.paused) return undefined;
    this.#rowsAt = now;
    return results.show(answer, { picture: this.#video, widthPx: this.#video.videoWidth, isLive: !this.#video.paused });
  }

  /** Answer what is shown. */
  #play() {
    this.#end();
    const { signal } = this.#work;
    this.#write();
    this.#run(new Frames(this.#video, signal, (timeS) => this.#film.covers(timeS)), signal);
  }

  /** Answer the whole film. */
  async #sweep() {
    this.#end();
    const { signal } = this.#work;
    this.#isSweeping = true;
    this.#write();
    const film = this.#film;
    const times = timesOf(film.durationS, (timeS) => film.covers(timeS));
    const step = sweepProgress(times, film.durationS);
    await this.#run(new Sweep(film.url, { times, signal }), signal, step);
    if (signal.aborted) return;
    film.isWhole = true;
    announce(text("sweptAll", { faces: film.tracks.list.length }));
    this.#play();
  }

  async #run(frames, signal, onStep = () => {}) {
    const film = this.#film;
    const size = { width: this.#video.videoWidth, height: this.#video.videoHeight };
    let wasLost = false;
    await runLive(frames, {
      signal,
      key: this.#ui.key,
      smoothing: this.#ui.smoothing,
      attributes: this.#ui.attributes,
      scene: () => (frames instanceof Sweep ? 0 : this.#scene),
      onSession: () => film.begin(),
      onAnswer: ({ reply, frame, roundTripMs }) => {
        if (reply.type === "frame.dropped") return frames.renew();
        this.#ui.notice.settle();
        if (wasLost) announce(text("connectedAgain"));
        wasLost = false;
        film.add(frame.timeS, scaledBack(reply, size), frame.canvas);
        this.isSaved = false;
        this.#ui.results.meter.add(roundTripMs);
        this.#ui.lanes.change();
        this.#draw(this.#video.currentTime);
        this.#write();
        return onStep();
      },
      onFailure: (failure, waitS) => {
        wasLost = true;
        return this.#ui.untilRetry(failure, waitS);
      },
    });
  }

  #write() {
    whole.hidden = !this.#film?.durationS;
    whole.textContent = text(this.#isSweeping ? "stopWhole" : this.#film?.isWhole ? "analysedWhole" : "analyseWhole");
    whole.setAttribute("aria-pressed", String(this.#isSweeping));
    this.#ui.changed();
  }
}
