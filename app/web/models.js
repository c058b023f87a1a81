// What GET /models says of the network that names expressions; asked once.
import { Failure } from "./failure.js";

let asked = null;

/** The network's entry in the manifest. @throws {Failure} If the server cannot be reached. */
export function emotionNetwork() {
  asked ??= fetch("models")
    .then((response) => response.json())
    .then(({ networks }) => Object.values(networks).find(({ attribute }) => attribute === "emotion"))
    .catch(() => {
      asked = null;
      throw new Failure("lost");
    });
  return asked;
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
