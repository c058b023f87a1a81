// The source "camera": it is answered live. Stop freezes its last frame; what was answered stays.
import { listCameras, openCamera } from "./camera.js";
import { Failure } from "./failure.js";
import { hide } from "./focus.js";
import { Frames } from "./frames.js";
import { text } from "./language.js";
import { runLive } from "./live.js";
import { Numbering } from "./numbering.js";
import { announce } from "./results.js";
import { Tracks } from "./tracks.js";
import { waitFor, waitNoMore } from "./waiting.js";

const MINUTE_S = 60;
const GAP_S = 3; // a face that is missed for longer leaves a gap in its lane
const LATE_MS = 250; // with slower answers, boxes would lag behind a moving face
const MOST_FRAMES = 20_000; // half an hour at 11 frames per second; then the oldest go
const MOST_FACES = 200_000; // in crowds; more would not fit into one string for a download

const byId = (id) => document.getElementById(id);

/** A camera; its results stay until the user drops them. */
export class Cameras {
  kind = "camera";
  stem = "camera";
  isSaved = true;
  model = null;
  frames = [];
  onShow = null; // {picture, image, faces} of the newest answer
  tracks = new Tracks();
  #ui;
  #video;
  #numbering = new Numbering();
  #running = new AbortController();
  #isMirrored = false;
  #startedAt = null; // of the first frame; the time goes on while it is stopped
  #faces = 0;
  #count = 0;

  constructor(ui) {
    this.#ui = ui;
    this.#video = ui.stage.video;
    byId("start-camera").addEventListener("click", () => this.start());
    byId("again").addEventListener("click", () => this.start());
    byId("camera-list").addEventListener("change", () => this.start(byId("camera-list").value, "camera-list"));
    byId("stop").addEventListener("click", () => this.stop());
  }

  get hasAnything() {
    return this.frames.length > 0;
  }

  /** Seconds since the first frame. */
  get nowS() {
    return this.#startedAt === null ? 0 : (performance.now() - this.#startedAt) / 1000;
  }

  /** Come on show. */
  enter() {
    this.#freeze();
  }

  /** Leave the show; what was answered stays. */
  leave() {
    this.#end();
    this.#ui.lanes.hide();
    byId("again").hidden = true;
  }

  /** Stop it, and keep its last frame in view. */
  stop() {
    this.#end();
    this.#freeze();
    (this.onShow ? byId("again") : byId("start-camera")).focus();
  }

  /** Forget everything. */
  drop() {
    this.#end();
    Object.assign(this, { frames: [], onShow: null, model: null, tracks: new Tracks(), isSaved: true });
    this.#startedAt = null;
    this.#faces = this.#count = 0;
    this.#numbering = new Numbering();
    this.#ui.results.clear();
    this.#freeze();
  }

  translate() {}

  /** @param {string} keyboardAt The control to focus once the camera runs. */
  async start(deviceId = "", keyboardAt = "stop") {
    this.#end();
    const { signal } = this.#running;
    const { stage, notice } = this.#ui;
    try {
      if (!Frames.areTold) throw new Failure("oldBrowser");
      waitFor("openingCamera");
      const stream = await openCamera(deviceId);
      if (signal.aborted) return stream.getTracks().forEach((track) => track.stop());
      stream.getVideoTracks()[0].addEventListener("ended", () => {
        this.#end();
        this.#freeze();
        notice.show(new Failure("cameraEnded"), { again: () => this.start(deviceId) });
      });
      this.#video.srcObject = stream;
      this.#video.muted = true;
      await this.#video.play();
      byId("again").hidden = true;
      byId("stop").hidden = false;
      await this.#offer(stream, signal);
      if (signal.aborted) return undefined;
      byId(keyboardAt).focus();
      this.#isMirrored = stream.getVideoTracks()[0].getSettings().facingMode !== "environment";
      stage.showVideo({ mirrored: this.#isMirrored, controls: false });
      this.#showLanes();
      waitFor("connecting");
      await this.#run(signal);
    } catch (failure) {
      if (signal.aborted) return undefined;
      this.#end();
      this.#freeze();
      if (!(failure instanceof Failure)) throw failure;
      notice.show(failure, { again: failure.worthATry ? () => this.start(deviceId) : null });
    }
    return undefined;
  }

  #end() {
    this.#running.abort();
    this.#running = new AbortController();
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
    waitNoMore();
    this.#ui.notice.hide();
    ["stop", "camera-choice"].map(byId).forEach(hide);
  }

  /** Show the last answered frame, or the invitation. */
  #freeze() {
    const { stage, results } = this.#ui;
    byId("again").hidden = !this.onShow;
    if (this.onShow) {
      const { picture, image, faces } = this.onShow;
      stage.showStill(image, picture, { mirrored: this.#isMirrored });
      stage.show(picture, { image, faces });
      results.show({ image, faces }, { picture, widthPx: picture.width, isSilent: true });
      this.#showLanes();
    } else {
      stage.invite("camera");
      this.#ui.lanes.hide();
    }
    this.#ui.changed();
  }

  #showLanes() {
    const span = () => {
      const toS = this.frames.at(-1)?.time_s ?? 0;
      return { fromS: toS - MINUTE_S, toS, gapS: GAP_S };
    };
    this.#ui.lanes.show(this.tracks, { span, isFilm: false });
  }

  async #run(signal) {
    const { notice, stage } = this.#ui;
    const frames = new Frames(this.#video, signal);
    let wasLost = false;
    await runLive(frames, {
      signal,
      key: this.#ui.key,
      smoothing: this.#ui.smoothing,
      attributes: this.#ui.attributes,
      scene: () => 0,
      onSession: () => {
        waitNoMore();
        this.#numbering.begin();
        this.#ui.results.startAfresh();
      },
      onAnswer: ({ reply, frame, roundTripMs }) => {
        if (reply.type === "frame.dropped") return;
        notice.settle();
        if (wasLost) announce(text("connectedAgain"));
        wasLost = false;
        this.#take(reply, frame.canvas, roundTripMs);
      },
      onFailure: (failure, waitS) => {
        waitNoMore();
        wasLost = true;
        stage.hideBoxes();
        return this.#ui.untilRetry(failure, waitS);
      },
    });
  }

  #take({ image, faces: sent, model }, picture, roundTripMs) {
    const { stage, results, lanes } = this.#ui;
    this.#startedAt ??= performance.now();
    this.model = { ...this.model, ...model };
    const faces = this.#numbering.number(sent);
    const timeS = Number(this.nowS.toFixed(3));
    this.#keep({ file: "camera", frame: this.#count++, time_s: timeS, image, faces });
    this.tracks.add(timeS, faces, picture, picture.width / image.width);
    this.tracks.forgetBefore(timeS - MINUTE_S);
    this.onShow = { picture, image, faces };
    this.isSaved = false;
    results.meter.add(roundTripMs);
    stage.show(picture, { image, faces }, { isLate: results.meter.roundTripMs > LATE_MS });
    results.show({ image, faces }, { picture, widthPx: picture.width, isLive: true });
    lanes.change();
    this.#ui.changed();
  }

  #keep(frame) {
    this.frames.push(frame);
    this.#faces += frame.faces.length;
    while (this.frames.length > MOST_FRAMES || (this.#faces > MOST_FACES && this.frames.length > 1)) {
      this.#faces -= this.frames.shift().faces.length;
    }
  }

  async #offer(stream, signal) {
    const cameras = await listCameras();
    if (signal.aborted) return;
    const used = stream.getVideoTracks()[0].getSettings().deviceId;
    byId("camera-choice").hidden = cameras.length < 2;
    byId("camera-list").replaceChildren(
      ...cameras.map(({ deviceId, label }, index) =>
        new Option(label || text("cameraName", { number: index + 1 }), deviceId, false, deviceId === used)),
    );
  }
}
