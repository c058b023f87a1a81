// What can go wrong, by the names used in the texts: each has a title `kind` and a detail `kindDetail`.

const KINDS = {
  400: "badFile",
  408: "tooSlow",
  413: "tooLarge",
  415: "badFile",
  429: "tooOften",
  502: "busy", // from a proxy, while the server behind it starts
  503: "busy",
  504: "busy",
};

const LONGEST_WAIT_S = 30;

/** Seconds before a retry, given the number of failures before this one: twice as long each time. */
export const backOffS = (failures) => Math.min(LONGEST_WAIT_S, 2 ** failures);

/** A failure shown to the user. */
export class Failure extends Error {
  /**
   * @param {string} kind Key of its title in the texts.
   * @param {object} more
   * @param {string} more.detail The server's own words.
   * @param {number} more.retryAfterS When to retry.
   * @param {number} more.closeCode How a WebSocket was closed; 0: not at all, or without a code.
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

/** The failure described by a server's problem (RFC 9457). */
export function failureOf(problem, { hadKey = false, retryAfterS = 0 } = {}) {
  const status = Number(problem.status);
  const kind = status === 401 ? (hadKey ? "keyWrong" : "keyNeeded") : (KINDS[status] ?? "refused");
  return new Failure(kind, { detail: problem.detail ?? problem.title ?? "", retryAfterS });
}
