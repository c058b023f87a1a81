// One connection to WS /detect/stream: a frame goes out, its reply comes back, one at a time.
import { Failure, failureOf } from "./failure.js";
import { whyRefused } from "./server.js";

const TRY_AGAIN_LATER = 1013;
const POLICY = 1008;

/** An open session. */
export class Stream {
  #socket;
  #waiting = null; // settles with the next reply

  constructor(socket) {
    this.#socket = socket;
    this.session = null; // what session.created said
    socket.addEventListener("message", (event) => this.#receive(event.data));
    socket.addEventListener("close", (event) => this.#fail(closeFailure(event)));
  }

  /**
   * Connect and wait for the session.
   *
   * @param {{smoothing: boolean, key?: string, signal: AbortSignal}} options
   * @returns {Promise<Stream>}
   * @throws {Failure} If the server cannot be reached, is busy, or refuses.
   */
  static async open({ smoothing, key = "", signal }) {
    const stream = new Stream(new WebSocket(address(), key ? ["mien", `key.${base64url(key)}`] : []));
    signal.addEventListener("abort", () => stream.close());
    try {
      stream.session = await stream.#reply();
    } catch (error) {
      const refused = error instanceof Failure && error.code === undefined && !signal.aborted;
      throw refused ? await whyRefused({ key, signal }) : error;
    }
    if (!smoothing) await stream.#ask(JSON.stringify({ type: "session.update", smoothing }));
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

  /** Say goodbye. */
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
      this.#waiting = { resolve, reject };
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
    this.#waiting?.[how](value);
    this.#waiting = null;
  }
}

function address() {
  const url = new URL("detect/stream", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/** What a close code means; 1006 before the session says nothing (see whyRefused). */
function closeFailure({ code, reason }) {
  const kind = code === TRY_AGAIN_LATER ? "busy" : code === POLICY ? "refused" : "lost";
  const failure = new Failure(kind, { detail: reason });
  if (code !== 1006) failure.code = code;
  return failure;
}

function base64url(plain) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(plain));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
