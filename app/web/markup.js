// Writes HTML text for files to download; the page itself never inserts any.

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Markup that is ready. */
class Raw {
  constructor(words) {
    this.words = words;
  }
}

/** Mark text as markup, so that `html` leaves it as it is. */
export const raw = (words) => new Raw(words);

/** A template: whatever is inserted is text, unless `raw` says otherwise. */
export function html(strings, ...values) {
  const written = values.map((value) =>
    (value instanceof Raw ? value.words : String(value).replace(/[&<>"']/g, (each) => ESCAPES[each])));
  return strings.reduce((all, words, index) => all + words + (written[index] ?? ""), "");
}
