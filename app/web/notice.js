// The page's one message: what went wrong, what to do, when it is retried.
import { handOnFocus, hide } from "./focus.js";
import { isEnglish, text } from "./language.js";

const READING_MS = 8000;

/** Shows at most one failure at a time. */
export class Notice {
  #root = document.getElementById("notice");
  #title = this.#root.querySelector(".notice-title");
  #detail = this.#root.querySelector(".notice-detail");
  #server = this.#root.querySelector(".notice-server");
  #retry = document.getElementById("retry");
  #countdown = document.getElementById("countdown");
  #keyForm = document.getElementById("key");
  #keyValue = document.getElementById("key-value");
  #failure = null;
  #again = null;
  #endsAt = Infinity;
  #timer = 0;
  #submit = null;
  #mentionedAt = -Infinity;

  constructor() {
    this.#retry.addEventListener("click", () => this.#finish());
    this.#keyForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit?.(this.#keyValue.value.trim());
      this.#keyValue.value = "";
    });
    window.addEventListener("online", () => {
      if (this.#failure?.kind === "lost") this.#finish();
    });
  }

  /**
   * Show a failure.
   *
   * @param {Failure} failure
   * @param {{again?: () => void, waitS?: number}} options What a retry does, and the seconds until an automatic one.
   */
  show(failure, { again = null, waitS = Infinity } = {}) {
    clearInterval(this.#timer);
    Object.assign(this.#root, { hidden: false });
    this.#root.dataset.kind = failure.kind;
    this.#mentionedAt = -Infinity;
    this.#failure = failure;
    this.#again = again;
    this.#endsAt = performance.now() + waitS * 1000;
    this.#keyForm.hidden = true;
    this.translate();
    if (Number.isFinite(waitS)) this.#timer = setInterval(() => this.#tick(), 250);
  }

  /** Show a failure that stops nothing. It does not replace one that waits for a retry or for a key. */
  mention(failure) {
    if (!this.#root.hidden && (this.#again || !this.#keyForm.hidden)) return;
    this.show(failure);
    this.#mentionedAt = performance.now();
  }

  /** All is well again: remove the message, unless it has only just appeared and nobody can have read it. */
  settle() {
    if (performance.now() - this.#mentionedAt > READING_MS) this.hide();
  }

  /** Show a failure that a key would fix, and pass on the typed key. */
  askForKey(failure, useKey) {
    this.show(failure);
    this.#submit = (key) => {
      this.hide();
      useKey(key);
    };
    this.#keyForm.hidden = false;
    this.#keyValue.focus();
  }

  /** Remove the message. */
  hide() {
    clearInterval(this.#timer);
    hide(this.#root);
    this.#failure = null;
    this.#again = null;
    for (const element of [this.#title, this.#detail, this.#server, this.#countdown]) element.textContent = "";
  }

  /** Rewrite the message in the current language. */
  translate() {
    if (!this.#failure) return;
    const { kind, detail, isKnown } = this.#failure;
    write(this.#title, text(kind));
    write(this.#detail, text(`${kind}Detail`));
    quote(this.#server, isKnown && !isEnglish() ? "" : detail); // the texts say it in the user's language
    this.#retry.hidden = !this.#again;
    this.#retry.textContent = text(Number.isFinite(this.#endsAt) ? "tryNow" : "tryAgain");
    this.#writeCountdown();
  }

  #tick() {
    if (performance.now() >= this.#endsAt) this.#finish();
    else this.#writeCountdown();
  }

  #writeCountdown() {
    const seconds = Math.ceil((this.#endsAt - performance.now()) / 1000);
    this.#countdown.textContent = Number.isFinite(seconds) ? text("countdown", { seconds: Math.max(1, seconds) }) : "";
  }

  #finish() {
    const again = this.#again;
    clearInterval(this.#timer);
    this.#again = null;
    this.#endsAt = Infinity;
    handOnFocus(this.#root);
    this.#retry.hidden = true;
    this.#countdown.textContent = again ? text("connecting") : "";
    again?.();
  }
}

/** A rewritten alert is read out again, even if nothing changed. */
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** The server's own words are English, whatever the page's language. */
function quote(element, detail) {
  const before = detail && `${text("serverSays")} `;
  if (element.textContent === before + detail) return;
  element.textContent = before;
  if (detail) element.append(Object.assign(document.createElement("span"), { lang: "en", textContent: detail }));
}
