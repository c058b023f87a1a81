// What was answered about a film, by the time of its frames.
import { Numbering } from "./numbering.js";
import { Tracks } from "./tracks.js";

const SAME_FRAME_S = 0.001;
const NEAR_S = 0.3; // between two answers so close, frames need none of their own
const LAG_S = 0.7; // while it plays, boxes stay so long until the next answer
const MOST_FACES = 200_000; // in crowds; more would not fit into one string for a download

/** A film and its answers. */
export class Film {
  tracks = new Tracks();
  model = null;
  isWhole = false; // analysed to its end
  #numbering = new Numbering();
  #samples = []; // {timeS, image, faces}, by time
  #faces = 0;

  /** @param {{file: File, url: string, durationS: number}} about */
  constructor({ file, url, durationS }) {
    Object.assign(this, { file, name: file.name, url, durationS });
  }

  /** How many frames were answered. */
  get size() {
    return this.#samples.length;
  }

  /** Whether no more answers can be kept. */
  get isFull() {
    return this.#faces >= MOST_FACES;
  }

  /** A session of the server begins. */
  begin() {
    this.#numbering.begin();
  }

  /** Keep an answer; its faces get the film's numbers. `picture`: the canvas that was sent. */
  add(timeS, { image, faces, model }, picture) {
    this.model = { ...this.model, ...model }; // with the networks that were asked for only part of the film
    const place = this.#placeOf(timeS);
    if (this.#isAt(place, timeS) || this.#isAt(place - 1, timeS)) return;
    const numbered = this.#numbering.number(faces, this.#near(place, timeS));
    this.#samples.splice(place, 0, { timeS, image, faces: numbered });
    this.#faces += faces.length;
    this.tracks.add(timeS, numbered, picture, picture.width / image.width);
  }

  /** Whether the frame of this time needs no answer of its own. */
  covers(timeS) {
    const place = this.#placeOf(timeS);
    const [before, after] = [this.#samples[place - 1], this.#samples[place]];
    if (this.isFull || this.#isAt(place, timeS) || this.#isAt(place - 1, timeS)) return true;
    return Boolean(before && after) && after.timeS - before.timeS <= NEAR_S;
  }

  /** The faces at a time, moved between those of the answers around it; null: nothing is known. */
  at(timeS) {
    const place = this.#placeOf(timeS + SAME_FRAME_S);
    const [before, after] = [this.#samples[place - 1], this.#samples[place]];
    if (before && after && after.timeS - before.timeS <= LAG_S) return between(before, after, timeS);
    if (before && timeS - before.timeS <= LAG_S) return before;
    return after && after.timeS - timeS <= NEAR_S / 2 ? after : null;
  }

  /** What was answered, as [from, to] in seconds. */
  get covered() {
    const spans = [];
    for (const { timeS } of this.#samples) {
      const last = spans.at(-1);
      if (last && timeS - last[1] <= NEAR_S) last[1] = timeS;
      else spans.push([timeS, timeS]);
    }
    return spans.map(([from, to]) => [from, Math.min(this.durationS, to + NEAR_S / 2)]);
  }

  /** What downloads hold. */
  get frames() {
    return this.#samples.map(({ timeS, image, faces }, frame) =>
      ({ file: this.name, frame, time_s: Number(timeS.toFixed(3)), image, faces }));
  }

  /** Where an answer of this time belongs. */
  #placeOf(timeS) {
    let [low, high] = [0, this.#samples.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#samples[middle].timeS < timeS) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isAt(place, timeS) {
    return Math.abs((this.#samples[place]?.timeS ?? Infinity) - timeS) < SAME_FRAME_S;
  }

  #near(place, timeS) {
    return [this.#samples[place - 1], this.#samples[place]]
      .flatMap((each) => (each && Math.abs(each.timeS - timeS) <= NEAR_S ? each.faces : []));
  }
}

/** Faces of the nearer answer; those in both are moved. */
function between(before, after, timeS) {
  const share = (timeS - before.timeS) / (after.timeS - before.timeS);
  const [nearer, other] = share < 0.5 ? [before, after] : [after, before];
  const weight = share < 0.5 ? share : 1 - share; // of the other
  const faces = nearer.faces.map((face) => {
    const same = face.track_id && other.faces.find((each) => each.track_id === face.track_id);
    return same ? { ...face, box: mix(face.box, same.box, weight) } : face;
  });
  return { image: nearer.image, faces };
}

function mix(one, other, weight) {
  return Object.fromEntries(Object.keys(one).map((side) => [side, one[side] + (other[side] - one[side]) * weight]));
}
