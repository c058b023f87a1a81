// What can go wrong, by the names used in the texts: each has a title `kind` and a detail `kindDetail`.

const BY_CODE = {
  bad_payload: "badFile",
  unsupported_media: "badFile",
  upload_timeout: "tooSlow",
  payload_too_large: "tooLarge",
  rate_limited: "tooOften",
  overloaded: "busy",
  out_of_memory: "busy",
  not_ready: "starting",
  device_lost: "broken",
  deadline_exceeded: "late",
  inference_failed: "failed",
  internal_error: "failed",
  invalid_request: "misunderstood",
};
const BY_STATUS = {
  400: "badFile",
  408: "tooSlow",
  413: "tooLarge",
  415: "badFile",
  429: "tooOften",
  502: "busy", // from a proxy, while the server behind it starts
  503: "busy",
  504: "busy",
};
const PASSING = new Set(["busy", "starting", "broken", "tooOften", "lost"]);
const WORTH_A_TRY = new Set([
  ...PASSING, "tooSlow", "late", "failed", "refused",
  "cameraMissing", "cameraRefused", "cameraBusy", "cameraEnded", "framesTooLarge",
]);

const LONGEST_WAIT_S = 30;

/** Seconds before a retry, given the number of failures before this one: twice as long each time. */
export const backOffS = (failures) => Math.min(LONGEST_WAIT_S, 2 ** failures);

/** A failure shown to the user. */
export class Failure extends Error {
  /**
   * @param {string} kind Key of its title in the texts.
   * @param {object} more
   * @param {string} more.code The server's code; else the kind.
   * @param {string} more.detail The server's own words.
   * @param {boolean} more.isKnown Whether the texts say what the server's words say.
   * @param {number} more.retryAfterS When to retry.
   * @param {number} more.closeCode How a WebSocket was closed; 0: not at all, or without a code.
   */
  constructor(kind, { code = kind, detail = "", isKnown = false, retryAfterS = 0, closeCode = 0 } = {}) {
    super(detail || kind);
    Object.assign(this, { kind, code, detail, isKnown, retryAfterS, closeCode });
  }

  /** Whether waiting may help. */
  get passing() {
    return PASSING.has(this.kind);
  }

  /** Whether the same try may end better. */
  get worthATry() {
    return WORTH_A_TRY.has(this.kind);
  }

  /** Whether a key would help. */
  get asksForKey() {
    return this.kind === "keyNeeded" || this.kind === "keyWrong";
  }
}

/** The failure described by a server's problem (RFC 9457). */
export function failureOf(problem, { hadKey = false, retryAfterS = 0 } = {}) {
  const status = Number(problem.status);
  const known = BY_CODE[problem.code];
  const kind = status === 401 ? (hadKey ? "keyWrong" : "keyNeeded") : (known ?? BY_STATUS[status] ?? "refused");
  const detail = problem.detail ?? problem.title ?? "";
  return new Failure(kind, { code: problem.code, detail, isKnown: Boolean(known), retryAfterS });
}
