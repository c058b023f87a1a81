// What can go wrong, under the names that the texts know: each has a title `kind` and a detail `kindDetail`.

const KINDS = {
  400: "badFile",
  408: "tooSlow",
  413: "tooLarge",
  415: "badFile",
  429: "tooOften",
  502: "busy", // of a proxy, while the server behind it starts
  503: "busy",
  504: "busy",
};

const LONGEST_WAIT_S = 30;

/** Seconds before a new try, after so many failures before this one: twice as long each time. */
export const backOffS = (failures) => Math.min(LONGEST_WAIT_S, 2 ** failures);

/** A failure that is shown to the user. */
export class Failure extends Error {
  /**
   * @param {string} kind Key of its title in the texts.
   * @param {object} more
   * @param {string} more.detail The server's own words.
   * @param {number} more.retryAfterS When to come back.
   * @param {number} more.closeCode How a WebSocket was closed; 0: not at all, or without a word.
   */
  constructor(kind, { detail = "", retryAfterS = 0, closeCode = 0 } = {}) {
    super(detail || kind);
    this.kind = kind;
    this.detail = detail;
    this.retryAfterS = retryAfterS;
    this.closeCode = closeCode;
  }

  /** Whether waiting may help. */
  get passing() {
    return ["busy", "tooOften", "lost"].includes(this.kind);
  }
}

/** The failure that a problem of the server (RFC 9457) describes. */
export function failureOf(problem, { hadKey = false, retryAfterS = 0 } = {}) {
  const status = Number(problem.status);
  const kind = status === 401 ? (hadKey ? "keyWrong" : "keyNeeded") : (KINDS[status] ?? "refused");
  return new Failure(kind, { detail: problem.detail ?? problem.title ?? "", retryAfterS });
}
