// What every part of the page knows of a face.
import { percent, text } from "./language.js";

/** The five expressions, in the order of the server's labels. */
export const EXPRESSIONS = ["angry", "happy", "sad", "surprise", "neutral"];

/** The number of a face: its track in a stream, its place (largest first, from 1) in a picture. */
export function identityOf(face, index) {
  return face.track_id ?? index + 1;
}

/** The words written at a face. */
export function labelOf(face, index) {
  return `${identityOf(face, index)} · ${text(face.emotion)} ${percent(face.confidence)}`;
}

/** All faces in one sentence. */
export function summaryOf(faces) {
  if (!faces.length) return text("summaryNone");
  const list = faces.map((face) => `${text(face.emotion).toLowerCase()} ${percent(face.confidence)}`).join(", ");
  return text(faces.length === 1 ? "summaryOne" : "summaryMany", { count: faces.length, list });
}
