// Single frames of a <video> that plays or is sought, always the newest.
import { Encoder } from "./encoder.js";

const TOLD_MS = 200; // after a seek, its frame is told sooner

/** Takes frames from a video, each at most once. */
export class Frames {
  #video;
  #signal;
  #isKnown;
  #encoder = new Encoder();
  #isFresh = false;
  #timeS = 0;
  #wake = () => {};
  #toldAt = 0;

  /** Whether this browser reports when a video shows a new frame; those from before late 2024 may not. */
  static get areTold() {
    return "requestVideoFrameCallback" in HTMLVideoElement.prototype;
  }

  /**
   * @param {HTMLVideoElement} video
   * @param {AbortSignal} signal Ends the watching.
   * @param {(timeS: number) => boolean} isKnown Whether the frame of this time needs no answer any more.
   */
  constructor(video, signal, isKnown = () => false) {
    this.#video = video;
    this.#signal = signal;
    this.#isKnown = isKnown;
    signal.addEventListener("abort", () => this.#wake());
    this.#watch();
    this.#watchSeeks();
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
   * @returns {Promise<{blob: Blob, canvas: HTMLCanvasElement, timeS: number}>} With its time in the video.
   * @throws {Failure} framesTooLarge, if even the smallest one is too large.
   */
  async take(limits) {
    this.#isFresh = false;
    const timeS = this.#timeS;
    return { ...(await this.#encoder.encode(this.#video, limits)), timeS };
  }

  /** Allow the newest frame to be taken again: it was never answered. */
  renew() {
    this.#isFresh = true;
  }

  /** The last taken frame is answered. */
  keep() {
    this.#encoder.keep();
  }

  /** Note how long an answer took. */
  learn(roundTripMs) {
    this.#encoder.learn(roundTripMs);
  }

  #watch() {
    this.#video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.#signal.aborted) return;
      this.#watch();
      this.#toldAt = performance.now();
      this.#offer(mediaTime);
    });
  }

  /** A seek to what is shown already may tell no frame. */
  #watchSeeks() {
    const options = { signal: this.#signal };
    let soughtAt = 0;
    this.#video.addEventListener("seeking", () => { soughtAt = performance.now(); }, options);
    this.#video.addEventListener("seeked", () => setTimeout(() => {
      const isUntold = this.#toldAt < soughtAt && this.#video.paused && !this.#video.seeking;
      if (isUntold && !this.#signal.aborted) this.#offer(this.#video.currentTime);
    }, TOLD_MS), options);
  }

  #offer(timeS) {
    if (this.#isKnown(timeS)) return;
    this.#timeS = timeS;
    this.#isFresh = true;
    this.#wake();
  }
}
