// The orders in which faces can be listed.
import { EXPRESSIONS } from "./expressions.js";

const area = ({ box }) => box.width * box.height;
const middle = ({ box }) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });

const COMPARISONS = {
  size: (one, other) => area(other) - area(one),
  expression: (one, other) =>
    EXPRESSIONS.indexOf(one.emotion) - EXPRESSIONS.indexOf(other.emotion) || other.confidence - one.confidence,
  surest: (one, other) => other.confidence - one.confidence,
  leastSure: (one, other) => one.confidence - other.confidence,
};

/**
 * Sort rows.
 *
 * @param {{number: number, face: object}[]} rows
 * @param {string} sort "number", "size", "place" (line by line, as one reads), "expression", "surest" or "leastSure".
 */
export function inOrder(rows, sort) {
  const byNumber = rows.toSorted((one, other) => one.number - other.number);
  if (sort === "place") return linesOf(byNumber).flat();
  const compare = COMPARISONS[sort];
  return compare ? byNumber.sort((one, other) => compare(one.face, other.face)) : byNumber;
}

/** Faces whose middles are within half a face of the line's first are in one line, which goes from left to right. */
function linesOf(rows) {
  const lines = [];
  for (const row of rows.toSorted((one, other) => middle(one.face).y - middle(other.face).y)) {
    const first = lines.at(-1)?.[0];
    if (first && middle(row.face).y - middle(first.face).y < first.face.box.height / 2) lines.at(-1).push(row);
    else lines.push([row]);
  }
  return lines.map((line) => line.sort((one, other) => middle(one.face).x - middle(other.face).x));
}
