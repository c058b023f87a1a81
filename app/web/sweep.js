// Goes through a whole film, step by step, in a video element of its own: the visible one stays where it is.
import { Encoder } from "./encoder.js";

/** Seconds of the film from one frame to the next; below five a second, the server loses fast faces. */
export const STEP_S = 0.2;

const HAVE_DATA = HTMLMediaElement.HAVE_CURRENT_DATA;

/** Gives frames as frames.js does, at the times that are still unknown. */
export class Sweep {
  leastMs = (STEP_S * 1000) / 2; // the server follows faces by its own clock: twice the film's speed and no more
  isOver = false;
  #video = document.createElement("video");
  #encoder = new Encoder();
  #signal;
  #times;
  #at = -1;

  /**
   * @param {string} url Of the film.
   * @param {{times: number[], signal: AbortSignal}} options Which frames, in seconds.
   */
  constructor(url, { times, signal }) {
    this.#signal = signal;
    this.#times = times;
    Object.assign(this.#video, { src: url, muted: true, preload: "auto" });
    signal.addEventListener("abort", () => this.#video.removeAttribute("src"));
  }

  /** Go to the next frame; false when there is none. */
  async arrive() {
    this.#at += 1;
    if (this.#signal.aborted || this.#at >= this.#times.length) {
      this.isOver = true;
      return false;
    }
    const video = this.#video;
    if (video.readyState < HAVE_DATA) await this.#until("loadeddata"); // only then is every seek answered
    if (video.currentTime !== this.#times[this.#at]) {
      video.currentTime = this.#times[this.#at];
      await this.#until("seeked");
    }
    return !this.#signal.aborted;
  }

  /** Wait for an event of the video, or for the end of everything. */
  #until(name) {
    return new Promise((resolve) => {
      for (const each of [name, "error"]) this.#video.addEventListener(each, resolve, { once: true });
      this.#signal.addEventListener("abort", resolve, { once: true });
    });
  }

  async take(limits) {
    return { ...(await this.#encoder.encode(this.#video, limits)), timeS: this.#times[this.#at] };
  }

  renew() {
    this.#at -= 1;
  }

  keep() {
    this.#encoder.keep();
  }

  learn(roundTripMs) {
    this.#encoder.learn(roundTripMs);
  }
}

/** The times of a film that a sweep would visit. */
export function timesOf(durationS, isKnown) {
  const count = Math.max(1, Math.ceil(durationS / STEP_S - 1e-6));
  return Array.from({ length: count }, (_, index) => Number((index * STEP_S).toFixed(3))).filter((timeS) => !isKnown(timeS));
}
