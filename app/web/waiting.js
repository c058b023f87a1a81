// Says what is waited for, and how much of it is done.
import { text } from "./language.js";

const root = document.getElementById("waiting");
const words = document.getElementById("waiting-words");
const bar = document.getElementById("waiting-share");
const stage = document.getElementById("stage");
let told = null; // {key, values, share}

/**
 * Say what is waited for.
 *
 * @param {string} key Of the texts.
 * @param {Object<string, () => string | number>} values Each is asked again when the language changes.
 * @param {number | null} share How much is done, 0 to 1; null: nobody knows.
 */
export function waitFor(key, values = {}, share = null) {
  told = { key, values, share };
  root.hidden = false;
  stage.setAttribute("aria-busy", "true");
  translateWaiting();
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
}

/** Nothing is waited for any more. */
export function waitNoMore() {
  told = null;
  root.hidden = true;
  stage.setAttribute("aria-busy", "false");
}

/** Rewrite it in the current language. */
export function translateWaiting() {
  if (!told) return;
  const values = Object.fromEntries(Object.entries(told.values).map(([name, value]) => [name, value()]));
  words.textContent = text(told.key, values);
}
