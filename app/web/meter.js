// Measures what the user gets: frames answered per second and the time from a frame to its answer.

const WINDOW_MS = 3_000;

/** Covers the last three seconds, or the last two answers if fewer came. */
export class Meter {
  #answers = [];

  /** Record one answered frame. */
  add(roundTripMs) {
    this.#answers.push({ at: performance.now(), roundTripMs });
    this.#forget();
  }

  /** Forget everything. */
  clear() {
    this.#answers = [];
  }

  /** Answered frames per second; null before two answers. */
  get rate() {
    this.#forget();
    if (this.#answers.length < 2) return null;
    const spanMs = this.#answers.at(-1).at - this.#answers[0].at;
    return ((this.#answers.length - 1) * 1000) / spanMs;
  }

  /** Median round trip in milliseconds; null without answers. */
  get roundTripMs() {
    this.#forget();
    const sorted = this.#answers.map((each) => each.roundTripMs).sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }

  #forget() {
    const oldest = performance.now() - WINDOW_MS;
    while (this.#answers.length > 2 && this.#answers[0].at < oldest) this.#answers.shift();
  }
}
