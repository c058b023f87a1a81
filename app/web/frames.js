// Single frames of a <video> that plays or is sought, always the newest.
import { Encoder } from "./encoder.js";

/** Takes frames from a video, each at most once. */
export class Frames {
  #video;
  #signal;
  #isKnown;
  #encoder = new Encoder();
  #isFresh = false;
  #timeS = 0;
  #wake = () => {};

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
      if (this.#isKnown(mediaTime)) return;
      this.#timeS = mediaTime;
      this.#isFresh = true;
      this.#wake();
    });
  }
}
