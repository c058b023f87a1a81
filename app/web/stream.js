// One connection to WS /detect/stream: a frame goes out, its reply comes back, one at a time.
import { Failure, failureOf } from "./failure.js";
import { whyRefused } from "./server.js";

const POLICY = 1008; // close codes: RFC 6455 section 7.4.1 and its registry
const TRY_AGAIN_LATER = 1013;
const NOT_A_WORD = 1006;
const LONGEST_REPLY_MS = 15_000; // a browser notices a dead network only after minutes

/** An open session. */
export class Stream {
  #socket;
  #waiting = null; // settles with the next reply

  constructor(socket) {
    this.#socket = socket;
    this.session = null; // the data of session.created
    socket.addEventListener("message", (event) => this.#receive(event.data));
    socket.addEventListener("close", (event) => this.#fail(closeFailure(event)));
  }

  /**
   * Connect and wait for the session.
   *
   * @param {{smoothing: boolean, attributes: string[]}} settings
   * @param {{key?: string, signal: AbortSignal}} options
   * @returns {Promise<Stream>}
   * @throws {Failure} If the server cannot be reached, is busy, or refuses.
   */
  static async open({ smoothing, attributes }, { key = "", signal }) {
    const stream = new Stream(new WebSocket(address(), key ? ["mien", `key.${base64url(key)}`] : []));
    signal.addEventListener("abort", () => stream.close());
    try {
      stream.session = await stream.#reply();
    } catch (error) {
      const refused = error instanceof Failure && !error.closeCode && !signal.aborted;
      throw refused ? await whyRefused({ key, signal }) : error;
    }
    const changes = { ...(smoothing ? {} : { smoothing }), ...(attributes.length ? { attributes } : {}) };
    if (Object.keys(changes).length) await stream.#ask(JSON.stringify({ type: "session.update", ...changes }));
    return stream;
  }

  /** Whether frames can be sent. */
  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /**
   * Send one frame.
   *
   * @param {Blob} frame An encoded picture.
   * @returns Its reply: frame.result, frame.error or frame.dropped.
   * @throws {Failure} If the connection closes first.
   */
  exchange(frame) {
    return this.#ask(frame);
  }

  /** The frames to come are no continuation of those before: let tracks and smoothing start anew. */
  reset() {
    return this.#ask(JSON.stringify({ type: "session.reset" }));
  }

  /** Close the session. */
  close() {
    this.#socket.close(1000);
  }

  #ask(message) {
    if (!this.isOpen) return Promise.reject(new Failure("lost"));
    this.#socket.send(message);
    return this.#reply();
  }

  #reply() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.close();
        this.#fail(new Failure("lost"));
      }, LONGEST_REPLY_MS);
      this.#waiting = { resolve, reject, timer };
    });
  }

  #receive(data) {
    const message = JSON.parse(data);
    if (message.type === "session.error") this.#fail(failureOf(message));
    else this.#settle("resolve", message);
  }

  #fail(failure) {
    this.#settle("reject", failure);
  }

  #settle(how, value) {
    clearTimeout(this.#waiting?.timer);
    this.#waiting?.[how](value);
    this.#waiting = null;
  }
}

function address() {
  const url = new URL("detect/stream", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

function closeFailure({ code, reason }) {
  const kind = code === TRY_AGAIN_LATER ? "busy" : code === POLICY ? "refused" : "lost";
  return new Failure(kind, { detail: reason, closeCode: code === NOT_A_WORD ? 0 : code });
}

function base64url(plain) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(plain));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
