// What every part of the page knows about a face.
import { percent, text } from "./language.js";

/** The five expressions, in the order of the server's labels. */
export const EXPRESSIONS = ["angry", "happy", "sad", "surprise", "neutral"];

const MOST_READ_OUT = 5; // in a crowd: reading more would run into the next announcement

/** The number of each face: its track in a stream; faces without a track are numbered on from there, or from 1. */
export function numbersOf(faces) {
  let last = Math.max(0, ...faces.map((face) => face.track_id ?? 0));
  return faces.map((face) => face.track_id ?? ++last);
}

/** The label of each face, and its shortest form for tight spaces: the number, which is also on its card. */
export function labelsOf(faces) {
  const numbers = numbersOf(faces);
  return faces.map((face, index) => {
    const number = String(numbers[index]);
    return [`${number} · ${text(face.emotion)} ${percent(face.confidence)}`, number];
  });
}

/** The largest faces in one sentence. */
export function summaryOf(faces) {
  if (!faces.length) return text("summaryNone");
  const largest = faces.slice(0, MOST_READ_OUT);
  const list = largest.map((face) => `${text(face.emotion).toLowerCase()} ${percent(face.confidence)}`).join(", ")
    + (faces.length > MOST_READ_OUT ? " …" : "");
  return text(faces.length === 1 ? "summaryOne" : "summaryMany", { count: faces.length, list });
}
