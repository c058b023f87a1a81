// Numbers for the faces of one source. The server counts the tracks of each session from 1; here no number is used twice.

const SAME = 0.5; // intersection over union from which a box that was known nearby in time is the same face

/** Gives numbers. */
export class Numbering {
  #last = 0;
  #given = new Map(); // the session's track -> number

  /** Another session: its tracks are other faces, unless they are where known ones are. */
  begin() {
    this.#given.clear();
  }

  /**
   * Number faces, in their `track_id`.
   *
   * @param {object[]} faces As the server sends them.
   * @param {object[]} known Numbered faces of the same film at nearly the same time.
   */
  number(faces, known = []) {
    return faces.map((face) => {
      if (!face.track_id) return face;
      if (!this.#given.has(face.track_id)) this.#given.set(face.track_id, this.#knownAs(face, known) ?? ++this.#last);
      return { ...face, track_id: this.#given.get(face.track_id) };
    });
  }

  #knownAs(face, known) {
    const taken = new Set(this.#given.values());
    return known.find((each) => !taken.has(each.track_id) && shared(each.box, face.box) >= SAME)?.track_id;
  }
}

function shared(one, other) {
  const length = (start, size) => Math.max(
    0, Math.min(one[start] + one[size], other[start] + other[size]) - Math.max(one[start], other[start]));
  const both = length("x", "width") * length("y", "height");
  return both / (one.width * one.height + other.width * other.height - both);
}
