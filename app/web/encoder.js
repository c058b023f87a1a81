// Frames of a <video> as JPEG files, smaller ones when answers are slow.
import { Failure } from "./failure.js";

const SIDES_PX = [1280, 960, 640, 480];
const QUALITY = 0.85;
const SLOW_MS = 400;
const PATIENCE = 10; // slow answers, averaged over this many frames

/** Draws and encodes what a video shows. */
export class Encoder {
  #canvases = [document.createElement("canvas"), document.createElement("canvas")];
  #level = 0;
  #answers = [];

  /**
   * Encode what the video shows now.
   *
   * @param {HTMLVideoElement} video
   * @param {{max_frame_bytes: number, max_pixels: number}} limits What the server accepts.
   * @returns {Promise<{blob: Blob, canvas: HTMLCanvasElement}>}
   * @throws {Failure} framesTooLarge, if even the smallest one is too large.
   */
  async encode(video, limits) {
    const canvas = this.#canvases[0]; // the other one still shows the last answered frame
    do {
      this.#draw(canvas, video, limits.max_pixels);
      const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
      if (blob.size <= limits.max_frame_bytes) return { blob, canvas };
    } while (this.#shrink());
    throw new Failure("framesTooLarge");
  }

  /** The last encoded frame is answered: it is shown until another one is. */
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

  #draw(canvas, video, mostPixels) {
    const { videoWidth: width, videoHeight: height } = video;
    const scale = Math.min(
      1,
      SIDES_PX[this.#level] / Math.max(width, height),
      Math.sqrt(mostPixels / (width * height)),
    );
    canvas.width = Math.max(1, Math.floor(width * scale));
    canvas.height = Math.max(1, Math.floor(height * scale));
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  }

  #shrink() {
    if (this.#level === SIDES_PX.length - 1) return false;
    this.#level += 1;
    return true;
  }
}
