// Sends a video's frames to the server and keeps the connection alive.
import { backOffS, Failure, failureOf } from "./failure.js";
import { Stream } from "./stream.js";

/**
 * Run until the signal ends it or there are no more frames. A change of `smoothing` or `attributes` opens a new session;
 * one of `scene` resets the session: tracks and smoothing start anew.
 *
 * @param {Frames | Sweep} frames Where the frames come from.
 * @param {object} options
 * @param {() => number} options.scene Another number where the frames are no continuation of those before.
 * @param {() => boolean} options.smoothing Whether the server should smooth.
 * @param {() => string[]} options.attributes What to say of each face besides its emotion.
 * @param {() => string} options.key The API key, or an empty string.
 * @param {AbortSignal} options.signal
 * @param {(session: object) => void} options.onSession Called when a session begins or is reset.
 * @param {(answer: {reply: object, frame: object, roundTripMs: number}) => void} options.onAnswer Called when a
 *   frame is answered (frame.result) or dropped (frame.dropped).
 * @param {(failure: Failure, waitS: number) => Promise<void>} options.onFailure Shows it; resolves when to retry.
 */
export async function runLive(frames, { smoothing, attributes, scene, key, signal, onSession, onAnswer, onFailure }) {
  let failures = 0;
  while (!signal.aborted && !frames.isOver) {
    let answered = 0;
    const settings = () => ({ smoothing: smoothing(), attributes: attributes() });
    const chosen = settings();
    try {
      const stream = await Stream.open(chosen, { key: key(), signal });
      onSession(stream.session);
      await converse(stream, frames, {
        isWanted: () => !signal.aborted && JSON.stringify(settings()) === JSON.stringify(chosen),
        scene,
        onScene: () => onSession(stream.session),
        onAnswer: (answer) => {
          answered += 1;
          failures = 0;
          onAnswer(answer);
        },
      });
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof Failure)) throw failure;
      frames.renew();
      if (failure.idle && answered) continue; // closed while there was nothing to send: simply open a new one
      failures += 1;
      await onFailure(failure, failure.passing ? waitBefore(failures, failure) : Infinity);
    }
  }
}

/** Send frame after frame while the session is wanted; however that ends, the session is over. */
async function converse(stream, frames, { isWanted, scene, onScene, onAnswer }) {
  const { limits } = stream.session;
  let begun = scene();
  try {
    while ((await frames.arrive()) && isWanted()) {
      if (!stream.isOpen) throw Object.assign(new Failure("lost"), { idle: true });
      if (scene() !== begun) {
        begun = scene();
        await stream.reset();
        onScene();
      }
      const frame = await frames.take(limits);
      const sentAt = performance.now();
      const reply = await stream.exchange(frame.blob);
      if (reply.type === "frame.error") throw failureOf(reply); // the next frame, sent at once, would fare no better
      const roundTripMs = performance.now() - sentAt;
      frames.learn(roundTripMs);
      if (reply.type === "frame.result") frames.keep();
      onAnswer({ reply, frame, roundTripMs });
      await pause(Math.max(1000 / limits.max_frames_per_second, frames.leastMs ?? 0) - roundTripMs);
    }
  } finally {
    stream.close();
  }
}

/** The back-off with random jitter, so that not all pages reconnect at once. */
function waitBefore(failures, failure) {
  return Math.max(failure.retryAfterS, Math.ceil(backOffS(failures - 1) * (1 + Math.random() / 4)));
}

function pause(ms) {
  return ms > 0 ? new Promise((resolve) => { setTimeout(resolve, ms); }) : Promise.resolve();
}
