// The page's HTTP requests to the server.
import { Failure, failureOf } from "./failure.js";

const CAN_BE_A_KEY = /^[\x21-\x7e]*$/; // a header takes no other characters

/**
 * Send one picture to POST /detect.
 *
 * @param {Blob} picture
 * @param {object} options
 * @param {string} options.key The API key, or an empty string.
 * @param {AbortSignal} options.signal
 * @param {string[]} options.attributes What to say of each face besides its emotion.
 * @param {(share: number) => void} options.onSent Told how much has left, 0 to 1.
 * @returns The server's answer: image, faces, timings_ms, model.
 * @throws {Failure} If the server cannot be reached or answers with a problem.
 */
export function detect(picture, options) {
  return send(`detect${asking(options)}`, picture, { "Content-Type": picture.type || "application/octet-stream" }, options);
}

/**
 * Send several pictures to POST /detect/batch.
 *
 * @param {{payload: Blob, name: string}[]} pictures At most 32.
 * @returns {Promise<object[]>} For each picture its answer, or `{error}` with a problem.
 * @throws {Failure} If none was answered.
 */
export async function detectBatch(pictures, options) {
  const form = new FormData();
  for (const { payload, name } of pictures) form.append("files", payload, name);
  return (await send(`detect/batch${asking(options)}`, form, {}, options)).results;
}

/**
 * Ask POST /classify what the answer for one face rests on.
 *
 * @param {Blob} crop The face as the classifier sees it.
 * @returns {Promise<{emotion: string, explanation: {drops: number[][]}}>}
 * @throws {Failure} As `detect`, and if this picture was refused.
 */
export async function explainFace(crop, options) {
  const form = new FormData();
  form.append("files", crop, "face.png");
  const { results: [answer] } = await send("classify?explain=true", form, {}, options);
  if (answer.error) throw failureOf(answer.error);
  return answer;
}

/**
 * Say why a stream could not be opened: a browser hides the HTTP status of a refused WebSocket.
 *
 * An empty POST /detect passes the same checks (key, rate, readiness) and is then refused as empty.
 *
 * @returns {Promise<Failure>}
 */
export async function whyRefused({ key = "", signal } = {}) {
  try {
    await send("detect", "", {}, { key, signal });
  } catch (error) {
    if (error instanceof Failure && error.kind !== "badFile") return error;
  }
  return new Failure("lost");
}

function asking({ attributes = [] }) {
  return attributes.length ? `?attributes=${attributes.map(encodeURIComponent).join(",")}` : "";
}

/** XMLHttpRequest, since fetch does not tell how much of a body has left. */
function send(path, body, headers, { key = "", signal, onSent = () => {} }) {
  if (!CAN_BE_A_KEY.test(key)) return Promise.reject(new Failure("keyWrong"));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (key) request.setRequestHeader("X-API-Key", key);
    request.upload.addEventListener("progress", ({ loaded, total }) => onSent(total ? loaded / total : 0));
    request.upload.addEventListener("load", () => onSent(1));
    request.addEventListener("load", () => {
      const answer = parsed(request.responseText);
      if (request.status === 200) return answer ? resolve(answer) : reject(new Failure("lost"));
      const retryAfterS = Number(request.getResponseHeader("Retry-After")) || 0;
      return reject(failureOf({ ...answer, status: request.status }, { hadKey: Boolean(key), retryAfterS }));
    });
    request.addEventListener("error", () => reject(new Failure("lost")));
    request.addEventListener("abort", () => reject(new DOMException("ended by the page", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

function parsed(words) {
  try {
    return JSON.parse(words);
  } catch {
    return null;
  }
}
