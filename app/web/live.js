// Sends the frames of a video to the server and keeps the connection alive.
import { Failure } from "./failure.js";
import { Stream } from "./stream.js";

const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;

/**
 * Run until the signal ends it.
 *
 * @param {Frames} frames Where the frames come from.
 * @param {object} options
 * @param {() => boolean} options.smoothing Whether the server shall smooth.
 * @param {() => string} options.key The API key, or an empty text.
 * @param {AbortSignal} options.signal
 * @param {(session: object) => void} options.onSession A session began.
 * @param {(answer: {reply: object, frame: object, roundTripMs: number}) => void} options.onAnswer A frame was answered.
 * @param {(failure: Failure, waitS: number) => Promise<void>} options.onFailure Shows it; resolves to try again.
 */
export async function runLive(frames, { smoothing, key, signal, onSession, onAnswer, onFailure }) {
  let failures = 0;
  while (!signal.aborted) {
    let answered = 0;
    try {
      const stream = await Stream.open({ smoothing: smoothing(), key: key(), signal });
      onSession(stream.session);
      await converse(stream, frames, signal, (answer) => {
        answered += 1;
        failures = 0;
        onAnswer(answer);
      });
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof Failure)) throw failure;
      frames.renew();
      if (failure.idle && answered) continue; // closed while nothing was to be sent: simply open a new one
      failures += 1;
      await onFailure(failure, failure.passing ? waitBefore(failures, failure) : Infinity);
    }
  }
}

async function converse(stream, frames, signal, onAnswer) {
  const { limits } = stream.session;
  while (!signal.aborted) {
    if (!(await frames.arrive())) return;
    if (!stream.isOpen) throw Object.assign(new Failure("lost"), { idle: true });
    const frame = await frames.take(limits);
    const sentAt = performance.now();
    const reply = await stream.exchange(frame.blob);
    const roundTripMs = performance.now() - sentAt;
    frames.learn(roundTripMs);
    onAnswer({ reply, frame, roundTripMs });
    await pause(1000 / limits.max_frames_per_second - roundTripMs);
  }
}

/** Twice as long after each failure, with some chance in it so that not all pages come back at once. */
function waitBefore(failures, failure) {
  const wait = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (failures - 1));
  return Math.max(failure.retryAfterS, Math.ceil(wait * (1 + Math.random() / 4)));
}

function pause(ms) {
  return ms > 0 ? new Promise((resolve) => { setTimeout(resolve, ms); }) : Promise.resolve();
}
