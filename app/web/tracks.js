// The faces of a source over time: for lanes and reports.
import { drawThumb } from "./dom.js";
import { EXPRESSIONS, furtherIn, numbersOf, strongest } from "./expressions.js";

const THUMB_PX = 96;
const BETTER = 1.5; // a face so much larger than before gives a better small picture

/** Points in time by face number. */
export class Tracks {
  #tracks = new Map(); // number -> {number, points: [{timeS, shares, unclear, further}], thumb, area}

  /** Add one answer's faces; `scale`: picture pixels per box pixel. */
  add(timeS, faces, picture, scale) {
    const numbers = numbersOf(faces);
    faces.forEach((face, index) => {
      const track = this.#tracks.get(numbers[index]) ?? this.#begin(numbers[index]);
      let place = track.points.length;
      while (place && track.points[place - 1].timeS > timeS) place -= 1;
      track.points.splice(place, 0, pointOf(timeS, face));
      const area = face.box.width * face.box.height;
      if (area < track.area * BETTER) return;
      track.area = area;
      drawThumb(track.thumb, picture, face.box, scale);
    });
  }

  /** Forget what is older. */
  forgetBefore(timeS) {
    for (const [number, { points }] of this.#tracks) {
      while (points.length && points[0].timeS < timeS) points.shift();
      if (!points.length) this.#tracks.delete(number);
    }
  }

  /** By number. */
  get list() {
    return [...this.#tracks.values()].sort((one, other) => one.number - other.number);
  }

  #begin(number) {
    const thumb = document.createElement("canvas");
    thumb.width = thumb.height = THUMB_PX;
    const track = { number, points: [], thumb, area: 0 };
    this.#tracks.set(number, track);
    return track;
  }
}

/** What is kept of a face at one time. */
export function pointOf(timeS, face) {
  return { timeS, shares: face.probabilities, unclear: Boolean(face.unclear), further: furtherIn(face) };
}

/** The mean share of each expression over points: [["angry", 0.1], ...]. */
export function meanShares(points) {
  return EXPRESSIONS.map((expression) => [
    expression, points.reduce((sum, { shares }) => sum + shares[expression], 0) / (points.length || 1),
  ]);
}

/** What else was asked of a face, in the mean over the points that say it: [["female", 0.97], ...], each the likeliest label. */
export function meanFurther(points) {
  const sums = {}; // by attribute and label
  for (const { further } of points) {
    for (const [name, { probabilities }] of Object.entries(further)) {
      const of = (sums[name] ??= {});
      for (const [each, share] of Object.entries(probabilities)) of[each] = (of[each] ?? 0) + share;
    }
  }
  return Object.values(sums).map((of) => {
    const total = Object.values(of).reduce((sum, each) => sum + each, 0);
    const [best, sum] = Object.entries(of).sort((one, other) => other[1] - one[1])[0];
    return [best, sum / total];
  });
}

/** The expression that is strongest most of the time, and its share of that time. */
export function mostly(points) {
  const counts = new Map();
  for (const { shares } of points) counts.set(strongest(shares), (counts.get(strongest(shares)) ?? 0) + 1);
  const [emotion, count] = [...counts].sort((one, other) => other[1] - one[1])[0];
  return { emotion, share: count / points.length };
}

/**
 * Points as runs without gaps, at most `columns` in the whole span; each is a mean.
 *
 * @param {{timeS: number, shares: object}[]} points
 * @param {{fromS: number, toS: number, columns: number, gapS: number}} span
 * @returns {{x: number, shares: object}[][]} `x` from 0 to 1.
 */
export function runsOf(points, { fromS, toS, columns, gapS }) {
  const runs = [];
  let column = null;
  for (const { timeS, shares } of points) {
    const x = (timeS - fromS) / (toS - fromS);
    const index = Math.floor(x * columns);
    if (!column || timeS - column.timeS > gapS) runs.push([]);
    if (column?.index === index && runs.at(-1).length) blend(column, shares);
    else runs.at(-1).push(column = { index, x, shares: { ...shares }, count: 1 });
    column.timeS = timeS;
  }
  return runs;
}

function blend(column, shares) {
  column.count += 1;
  for (const each of EXPRESSIONS) column.shares[each] += (shares[each] - column.shares[each]) / column.count;
}
