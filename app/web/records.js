// Answers as files: CSV and JSON.
import { EXPRESSIONS, furtherIn, numbersOf } from "./expressions.js";

const COLUMNS = [
  "file", "frame", "time_s", "face", "emotion", "confidence", "margin", "unclear", ...EXPRESSIONS,
  "x", "y", "width", "height", "detection_confidence", "image_width", "image_height", "truncated", "error", "detail",
];
const NO_FACE = "no face"; // as the API's tables say

/**
 * One row per face, one where none was found, and one for each file that was not read; shares with four decimals. What
 * else was asked of any face has its columns at the end.
 *
 * @param {{file: string, frame: number, time_s: number, image: object, faces: object[]}[]} frames
 * @param {{file: string, error: string, detail: string}[]} failed
 */
export function csvOf(frames, failed) {
  const blank = (count) => Array(count).fill("");
  const further = furtherColumns(frames);
  const rows = frames.flatMap(({ file, frame, time_s, image, faces }) => {
    const numbers = numbersOf(faces);
    const ends = [image.width, image.height, Boolean(image.truncated), "", ""];
    if (!faces.length) return [[file, frame, time_s, 0, NO_FACE, ...blank(COLUMNS.length - 5 - ends.length), ...ends]];
    return faces.map((face, index) => [
      file, frame, time_s, numbers[index], face.emotion, share(face.confidence), share(face.margin), face.unclear,
      ...EXPRESSIONS.map((expression) => share(face.probabilities[expression])),
      face.box.x, face.box.y, face.box.width, face.box.height, share(face.detection_confidence), ...ends,
      ...further.map(([, valueOf]) => valueOf(face)),
    ]);
  });
  const unread = failed.map(({ file, error, detail }) => [file, ...blank(COLUMNS.length - 3), error, detail]);
  const columns = [...COLUMNS, ...further.map(([name]) => name)];
  const whole = (row) => columns.map((_, index) => field(row[index] ?? ""));
  return [columns, ...rows, ...unread].map((row) => `${whole(row).join(",")}\r\n`).join("");
}

/** The columns of what else was asked, by name as the command line's: [["gender", (face) => "female"], ...]. */
function furtherColumns(frames) {
  const found = new Map();
  for (const { faces } of frames) {
    for (const face of faces) {
      for (const [name, { probabilities }] of Object.entries(furtherIn(face))) found.set(name, Object.keys(probabilities));
    }
  }
  return [...found].flatMap(([name, labels]) => {
    const shareOf = (choose) => (face) => (face[name] ? share(choose(face[name])) : "");
    return [
      [name, (face) => face[name]?.label ?? ""],
      [`${name}_confidence`, shareOf(({ confidence }) => confidence)],
      ...labels.map((each) => [`${name}_${each}`, shareOf(({ probabilities }) => probabilities[each])]),
    ];
  });
}

/** Everything that is known. */
export function jsonOf({ source, model, frames, failed }) {
  return JSON.stringify({ source, model, frames, failed }, null, 1);
}

/** Hand a file to the browser's downloads. */
export function save(name, content, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A file's name without its ending, for the names of downloads. */
export function stemOf(name) {
  return name.replace(/\.[^.]*$/, "") || "mien";
}

const share = (value) => value.toFixed(4);

/** Quoted where needed (RFC 4180); a name that a spreadsheet would take for a formula becomes text. */
function field(value) {
  const words = typeof value === "string" && /^[=+@]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
}
