// Single frames of a <video> as JPEG files, smaller ones when answers are slow.
import { Failure } from "./failure.js";

const SIDES_PX = [1280, 960, 640, 480];
const QUALITY = 0.85;
const SLOW_MS = 400;
const PATIENCE = 10; // slow answers, averaged over this many frames

/** Takes frames from a video, each at most once, always the newest. */
export class Frames {
  #video;
  #signal;
  #canvases = [document.createElement("canvas"), document.createElement("canvas")];
  #isFresh = false;
  #wake = () => {};
  #level = 0;
  #answers = [];

  /** Whether this browser reports when a video shows a new frame; those from before late 2024 may not. */
  static get areTold() {
    return "requestVideoFrameCallback" in HTMLVideoElement.prototype;
  }

  /**
   * @param {HTMLVideoElement} video
   * @param {AbortSignal} signal Ends the watching.
   */
  constructor(video, signal) {
    this.#video = video;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake());
    this.#watch();
  }

  /**
   * Wait for a frame that has not been taken yet. None comes while the video is paused or the page hidden.
   *
   * @returns {Promise<boolean>} false when it is over.
   */
  async arrive() {
    while (!this.#isFresh && !this.#signal.aborted) {
      await new Promise((resolve) => { this.#wake = resolve; });
    }
    return !this.#signal.aborted;
  }

  /**
   * Take the newest frame.
   *
   * @param {{max_frame_bytes: number, max_pixels: number}} limits What the server accepts.
   * @returns {Promise<{blob: Blob, canvas: HTMLCanvasElement, timeS: number}>}
   * @throws {Failure} framesTooLarge, if even the smallest one is too large.
   */
  async take(limits) {
    this.#isFresh = false;
    const canvas = this.#canvases[0]; // the other one still shows the last answered frame
    const timeS = this.#video.currentTime;
    do {
      this.#draw(canvas, limits.max_pixels);
      const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
      if (blob.size <= limits.max_frame_bytes) return { blob, canvas, timeS };
    } while (this.#shrink());
    throw new Failure("framesTooLarge");
  }

  /** Allow the newest frame to be taken again: it was never answered. */
  renew() {
    this.#isFresh = true;
  }

  /** The last taken frame is answered: it is shown until another one is. */
  keep() {
    this.#canvases.reverse();
  }

  /** Note how long an answer took: after some slow ones, frames become smaller. */
  learn(roundTripMs) {
    this.#answers.push(roundTripMs);
    if (this.#answers.length < PATIENCE) return;
    const mean = this.#answers.reduce((sum, each) => sum + each, 0) / this.#answers.length;
    if (mean > SLOW_MS) this.#shrink();
    this.#answers = [];
  }

  #watch() {
    this.#video.requestVideoFrameCallback(() => {
      if (this.#signal.aborted) return;
      this.#isFresh = true;
      this.#wake();
      this.#watch();
    });
  }

  #draw(canvas, mostPixels) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const scale = Math.min(
      1,
      SIDES_PX[this.#level] / Math.max(width, height),
      Math.sqrt(mostPixels / (width * height)),
    );
    canvas.width = Math.max(1, Math.floor(width * scale));
    canvas.height = Math.max(1, Math.floor(height * scale));
    canvas.getContext("2d").drawImage(this.#video, 0, 0, canvas.width, canvas.height);
  }

  #shrink() {
    if (this.#level === SIDES_PX.length - 1) return false;
    this.#level += 1;
    return true;
  }
}
