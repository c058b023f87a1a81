// Single frames of a <video> as JPEG files, smaller ones when answers take long.

const SIDES_PX = [1280, 960, 640, 480];
const QUALITY = 0.85;
const SLOW_MS = 400;
const PATIENCE = 10; // slow answers on average over this many frames

/** Takes the newest frame of a video, each at most once. */
export class Frames {
  #video;
  #limits;
  #signal;
  #canvases = [document.createElement("canvas"), document.createElement("canvas")];
  #isFresh = false;
  #wake = () => {};
  #level = 0;
  #answers = [];

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
   * Wait for a frame that was not taken yet. None comes while the video is paused or the page hidden.
   *
   * @param {{max_frame_bytes: number, max_pixels: number}} limits What the server takes.
   * @returns {Promise<{blob: Blob, canvas: HTMLCanvasElement, timeS: number} | null>} null when it is over.
   */
  async next(limits) {
    this.#limits = limits;
    while (!this.#isFresh && !this.#signal.aborted) {
      await new Promise((resolve) => { this.#wake = resolve; });
    }
    if (this.#signal.aborted) return null;
    this.#isFresh = false;
    return this.#take();
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

  async #take() {
    const canvas = this.#canvases.reverse()[0]; // the other one still shows the frame before
    const timeS = this.#video.currentTime;
    this.#draw(canvas);
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
    if (blob.size > this.#limits.max_frame_bytes && this.#shrink()) return this.#take();
    return { blob, canvas, timeS };
  }

  #draw(canvas) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const scale = Math.min(
      1,
      SIDES_PX[this.#level] / Math.max(width, height),
      Math.sqrt(this.#limits.max_pixels / (width * height)),
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
