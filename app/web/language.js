// The page's language: chosen once, remembered by the browser, changed without a reload.
import en from "./texts/en.js";
import vi from "./texts/vi.js";

const TEXTS = { en, vi };
const REMEMBERED = "mien.language";

let current = "en";

/** The text for a key; `{name}` is replaced by the value of that name. */
export function text(key, values = {}) {
  return TEXTS[current][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** A count with its noun: the text of `keyOne` or `keyMany`, as the language has one form for it or the other. */
export function counted(key, count, values = {}) {
  const form = new Intl.PluralRules(current).select(count) === "one" ? "One" : "Many";
  return text(`${key}${form}`, { ...values, count: decimal(count) });
}

/** A label of a network in words: as it is where the language has none. */
export function label(name) {
  return name in TEXTS[current] ? text(name) : name;
}

/** Whether the page is in the language of the server's own words. */
export const isEnglish = () => current === "en";

/** A number between 0 and 1 as a percentage, as the language writes it. */
export function percent(share) {
  return new Intl.NumberFormat(current, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

/** A number with a fixed count of decimals, as the language writes it. */
export function decimal(value, digits = 0) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(current, options).format(value);
}

/** The remembered choice, else the browser's first known language, else English. */
export function preferredLanguage() {
  const wishes = [remembered(), ...navigator.languages].map((each) => each?.slice(0, 2));
  return wishes.find((each) => each in TEXTS) ?? "en";
}

/** Write all fixed texts of the page in a language. */
export function useLanguage(language, { remember = false } = {}) {
  current = language;
  if (remember) keep(language);
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
}

// Browsers that block site data throw here; the page then works without remembering.
function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}

function keep(language) {
  try {
    localStorage.setItem(REMEMBERED, language);
  } catch {
    // not remembered
  }
}
