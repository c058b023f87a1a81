// What every part of the page knows about a face.
import { counted, label, percent, text } from "./language.js";

/** The five expressions, in the order of the server's labels. */
export const EXPRESSIONS = ["angry", "happy", "sad", "surprise", "neutral"];

const MOST_READ_OUT = 5; // in a crowd: reading more would run into the next announcement

/** The number of each face: its track in a stream; faces without a track are numbered on from there, or from 1. */
export function numbersOf(faces) {
  let last = Math.max(0, ...faces.map((face) => face.track_id ?? 0));
  return faces.map((face) => face.track_id ?? ++last);
}

/**
 * What a face is said to show, and how likely, or between which two it is unclear: the words of rows, labels, tables and
 * announcements.
 */
export function verdictOf(face) {
  return [emotionOf(face), ...furtherOf(face)].join(" · ");
}

function emotionOf(face) {
  if (!face.unclear) return `${text(face.emotion)} ${percent(face.confidence)}`;
  const [one, other] = likeliestOf(face).map((expression) => text(expression).toLowerCase());
  return text("unclear", { one, other });
}

/** What else was asked of a face, in words: ["Female 97 %"]. */
function furtherOf(face) {
  return Object.values(furtherIn(face)).map((each) => `${label(each.label)} ${percent(each.confidence)}`);
}

/** What else was asked of a face: {gender: {label, confidence, probabilities}}. */
export function furtherIn(face) {
  return Object.fromEntries(Object.entries(face).filter(([, said]) => said?.label));
}

/** The two likeliest expressions, the server's answer first. */
export function likeliestOf({ emotion, probabilities }) {
  return [emotion, strongest(probabilities, EXPRESSIONS.filter((each) => each !== emotion))];
}

/** The label of each face, and its shortest form for tight spaces: the number, which is also on its row. */
export function labelsOf(faces) {
  const numbers = numbersOf(faces);
  return faces.map((face, index) => {
    const number = String(numbers[index]);
    return [`${number} · ${verdictOf(face)}`, number];
  });
}

/** The largest faces in one sentence. */
export function summaryOf(faces) {
  if (!faces.length) return text("summaryNone");
  const largest = faces.slice(0, MOST_READ_OUT);
  const list = largest.map((face) => verdictOf(face).toLowerCase()).join(", ")
    + (faces.length > MOST_READ_OUT ? " …" : "");
  return text("summaryList", { faces: counted("faces", faces.length), list });
}

/** How many faces show each expression, the most frequent first: [["happy", 7], ...]. */
export function countsOf(faces) {
  return EXPRESSIONS.map((expression) => [expression, faces.filter(({ emotion }) => emotion === expression).length])
    .filter(([, count]) => count)
    .sort((one, other) => other[1] - one[1]);
}

/** Those counts in words: "7 happy, 3 neutral", and how many of them are unclear. */
export function countsInWords(faces) {
  const list = countsOf(faces).map(([expression, count]) => `${count} ${text(expression).toLowerCase()}`).join(", ");
  const count = faces.filter(({ unclear }) => unclear).length;
  return count ? text("sumUnclear", { list, count }) : list;
}

/** The expression with the highest probability among some. */
export function strongest(probabilities, among = EXPRESSIONS) {
  return among.reduce((best, each) => (probabilities[each] > probabilities[best] ? each : best));
}
