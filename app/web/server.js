// The page's HTTP requests to the server.
import { Failure, failureOf } from "./failure.js";

const CAN_BE_A_KEY = /^[\x21-\x7e]*$/; // a header takes no other characters

/**
 * Send one picture to POST /detect.
 *
 * @param {Blob} picture The file as it is.
 * @param {{key?: string, signal?: AbortSignal}} options
 * @returns The server's answer: image, faces, timings_ms, model.
 * @throws {Failure} If the server cannot be reached or answers with a problem.
 */
export async function detect(picture, { key = "", signal } = {}) {
  const headers = { "Content-Type": picture.type || "application/octet-stream" };
  const response = await post(picture, headers, key, signal);
  if (response.ok) return response.json().catch((error) => { throw lostUnlessEnded(error); });
  throw await refusal(response, key);
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
    const response = await post("", {}, key, signal);
    return response.status === 400 ? new Failure("lost") : await refusal(response, key);
  } catch (error) {
    return error instanceof Failure ? error : new Failure("lost");
  }
}

async function post(body, headers, key, signal) {
  if (!CAN_BE_A_KEY.test(key)) throw new Failure("keyWrong");
  try {
    const all = key ? { ...headers, "X-API-Key": key } : headers;
    return await fetch("detect", { method: "POST", body, headers: all, signal });
  } catch (error) {
    throw lostUnlessEnded(error);
  }
}

/** The failure for a broken connection, unless the page itself ended it. */
function lostUnlessEnded(error) {
  return error.name === "AbortError" ? error : new Failure("lost");
}

async function refusal(response, key) {
  const problem = await response.json().catch(() => ({}));
  const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
  return failureOf({ ...problem, status: response.status }, { hadKey: Boolean(key), retryAfterS });
}
