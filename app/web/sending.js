// Sends an album's waiting pictures, in parts, until each is answered or refused.
import { Failure, failureOf } from "./failure.js";
import { reduced, scaledBack } from "./reduce.js";
import { detect, detectBatch } from "./server.js";
import { waitFor } from "./waiting.js";

const PART_PICTURES = 8; // answered together; more would show nothing for long
const PART_BYTES = 6_000_000;
const MOST_TRIES = 3; // of a picture that the server has no room for while it takes others

/**
 * Send what waits.
 *
 * @param {Album} album
 * @param {object} options
 * @param {() => string} options.key
 * @param {() => string[]} options.attributes What to say of each face besides its emotion.
 * @param {AbortSignal} options.signal
 * @param {(picture: Picture) => void} options.onChange Told when a picture has another state.
 * @param {(failure: Failure, failures: number) => Promise<void>} options.onFailure Shows it; resolves when to retry.
 */
export async function sendWaiting(album, { key, attributes, signal, onChange, onFailure }) {
  let failures = 0;
  let most = PART_PICTURES;
  while (album.in("waiting").length && !signal.aborted) {
    const part = await nextPart(album, most, signal, onChange);
    if (signal.aborted) break;
    try {
      await sendPart(album, part, { key: key(), attributes: attributes(), signal });
      failures = 0;
    } catch (failure) {
      for (const { picture } of part) picture.state = "waiting";
      if (signal.aborted) break;
      if (!(failure instanceof Failure)) throw failure;
      if (failure.kind === "tooLarge" && part.length > 1) most = Math.ceil(part.length / 2);
      else if (failure.passing || failure.asksForKey) await onFailure(failure, failures++);
      else part.forEach(({ picture }) => fail(picture, failure));
    }
    part.forEach(({ picture }) => onChange(picture));
  }
  for (const picture of album.in("sending")) picture.state = "waiting"; // it was ended in between
}

/** Open and reduce pictures until there are enough for one request. */
async function nextPart(album, most, signal, onChange) {
  const part = [];
  let bytes = 0;
  for (const picture of album.in("waiting").slice(0, most)) {
    if (picture.canBeShown === null) waitFor("opening", { name: () => picture.name });
    const opened = await album.open(picture);
    if (signal.aborted) return part;
    const { payload, image } = await reduced(picture.file, opened);
    bytes += payload.size;
    if (part.length && bytes > PART_BYTES) break;
    picture.state = "sending";
    part.push({ picture, payload, image });
    onChange(picture);
  }
  return part;
}

async function sendPart(album, part, options) {
  const startedAt = performance.now();
  const onSent = (share) => tellSent(album, part, share);
  onSent(0);
  const [{ payload }] = part;
  const named = part.map((each) => ({ payload: each.payload, name: each.picture.name }));
  const answers = part.length === 1
    ? [await detect(payload, { ...options, onSent })]
    : await detectBatch(named, { ...options, onSent });
  const roundTripMs = (performance.now() - startedAt) / part.length;
  part.forEach(({ picture, image }, index) => {
    const answer = answers[index];
    picture.roundTripMs = roundTripMs;
    if (answer.error) refuse(picture, failureOf(answer.error));
    else Object.assign(picture, { state: "done", answer: scaledBack(answer, image), failure: null });
  });
}

/** One of several was refused: where waiting may help it is sent again with the others. */
function refuse(picture, failure) {
  picture.tries = (picture.tries ?? 0) + 1;
  if (failure.passing && picture.tries < MOST_TRIES) picture.state = "waiting";
  else fail(picture, failure);
}

function fail(picture, failure) {
  Object.assign(picture, { state: "failed", failure });
}

function tellSent(album, part, share) {
  const total = album.pictures.length;
  const [first, last] = [part[0].picture.number, part.at(-1).picture.number];
  const size = part.reduce((sum, { payload }) => sum + payload.size, 0);
  const mb = () => (size / 1e6).toFixed(1);
  const which = () => (first === last ? String(first) : `${first}–${last}`);
  const several = total > 1 ? "Several" : "";
  if (share < 1) waitFor(`sending${several}`, { mb, which, total: () => total }, share);
  else waitFor(`working${several}`, { which, total: () => total });
}
