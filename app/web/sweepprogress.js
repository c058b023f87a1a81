// Says how far the analysis of a whole film has come, and how long it will still take.
import { clock } from "./dom.js";
import { decimal, text } from "./language.js";
import { waitFor } from "./waiting.js";

/**
 * Begin to tell.
 *
 * @param {number[]} times Of the frames to come, in seconds.
 * @param {number} durationS Of the film.
 * @returns {() => void} To be called after each frame.
 */
export function sweepProgress(times, durationS) {
  const startedAt = performance.now();
  let done = 0;
  const tell = () => {
    const left = done ? ((performance.now() - startedAt) / 1000 / done) * (times.length - done) : null;
    const values = {
      done: () => clock(times[done] ?? durationS),
      total: () => clock(durationS),
      left: () => (left === null ? "–" : inWords(left)),
    };
    waitFor("sweeping", values, done / times.length);
  };
  if (times.length) tell();
  return () => {
    done += 1;
    tell();
  };
}

function inWords(seconds) {
  return seconds < 90
    ? text("secondsLeft", { count: decimal(Math.max(1, Math.round(seconds))) })
    : text("minutesLeft", { count: decimal(Math.round(seconds / 60)) });
}
