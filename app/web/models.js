// What GET /models says of the networks; asked once.
import { Failure } from "./failure.js";

let asked = null;

/** All entries of the manifest. @throws {Failure} If the server cannot be reached. */
function networks() {
  asked ??= fetch("models")
    .then((response) => response.json())
    .then((answer) => Object.values(answer.networks))
    .catch(() => {
      asked = null;
      throw new Failure("lost");
    });
  return asked;
}

/** The entry of the network that names expressions. @throws {Failure} If the server cannot be reached. */
export async function emotionNetwork() {
  return (await networks()).find(({ attribute }) => attribute === "emotion");
}

/** What else the server can say of a face. @throws {Failure} If the server cannot be reached. */
export async function furtherAttributes() {
  return (await networks()).map(({ attribute }) => attribute).filter((each) => each && each !== "emotion");
}

/**
 * What a label is worth: of the faces called so, the lowest and the highest share that is right among the sets which have
 * such faces; null if nothing was measured.
 *
 * @param {{metrics: object}} network
 * @param {string} label
 * @returns {[number, number] | null}
 */
export function worthOf({ metrics }, label) {
  const shares = Object.values(metrics)
    .filter(({ recall, precision }) => typeof recall?.[label] === "number" && typeof precision?.[label] === "number")
    .map(({ precision }) => precision[label]);
  return shares.length ? [Math.min(...shares), Math.max(...shares)] : null;
}
