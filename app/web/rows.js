// One line per face: a small picture of it, the strongest expression, all shares in one bar. It opens to five bars.
import { element, drawThumb, fillBar, icon, stackedBar } from "./dom.js";
import { EXPRESSIONS, likeliestOf, numbersOf, verdictOf } from "./expressions.js";
import { handOnFocus } from "./focus.js";
import { percent, text } from "./language.js";
import { inOrder } from "./order.js";
import { Why } from "./why.js";

const HOLD_MS = 1000; // a face missed for a few frames keeps its row
const FEW = 2; // so many faces are opened at once
const THUMB_PX = 96;
const OPEN_ICON = "m7 10 5 5 5-5";

/** The list of rows. */
export class Rows {
  #list = document.getElementById("cards");
  #rows = new Map(); // by number
  #onPoint;
  #key;

  /**
   * @param {(number: number | null) => void} onPoint Told which row is pointed at, by mouse or keyboard.
   * @param {() => string} key The API key.
   */
  constructor(onPoint, key) {
    this.#onPoint = onPoint;
    this.#key = key;
    this.#list.addEventListener("keydown", (event) => this.#step(event));
  }

  /**
   * Show these faces.
   *
   * @param {object[]} faces As the server sends them.
   * @param {object} options
   * @param {CanvasImageSource} options.picture Where they were found; null: their small pictures stay as they are.
   * @param {number} options.scale Picture pixels per box pixel.
   * @param {boolean} options.isLive Whether more frames follow: then rows keep their places and stay for a moment.
   * @param {string} options.sort One of order.js.
   */
  show(faces, { picture, scale, isLive, sort }) {
    const now = performance.now();
    const numbers = numbersOf(faces);
    const isCut = faces.length > 0 && !numbers.some((each) => this.#rows.has(each)); // then nobody is only missed
    const holdMs = isLive && !isCut ? HOLD_MS : 0;
    const stays = !isLive && picture && !(picture instanceof HTMLVideoElement); // as long as its rows are on show
    faces.forEach((face, index) => {
      const row = this.#rows.get(numbers[index]) ?? this.#add(numbers[index], faces.length <= FEW);
      Object.assign(row, { face, seenAt: now, source: stays ? { picture, scale } : null });
      this.#write(row);
      if (picture) drawThumb(row.thumb, picture, face.box, scale);
    });
    for (const [number, row] of this.#rows) {
      if (row.seenAt < now - holdMs) this.#remove(number);
      else row.root.classList.toggle("gone", row.seenAt < now);
    }
    this.#arrange(isLive ? "number" : sort);
  }

  /** Remove all rows. */
  clear() {
    for (const number of [...this.#rows.keys()]) this.#remove(number);
  }

  /** Rewrite the texts in the current language. */
  translate() {
    for (const row of this.#rows.values()) {
      this.#write(row);
      row.more?.why.translate();
    }
  }

  /** Change the order. */
  sort(order) {
    this.#arrange(order);
  }

  /** Light one row; null: none. */
  light(number) {
    for (const [each, row] of this.#rows) row.root.classList.toggle("lit", each === number);
  }

  /** Open one row and bring it into view. */
  reveal(number) {
    const row = this.#rows.get(number);
    if (!row) return;
    if (row.head.getAttribute("aria-expanded") === "false") this.#toggle(row);
    row.root.scrollIntoView({ block: "nearest" });
    row.head.focus({ preventScroll: true });
  }

  #add(number, isOpen) {
    const row = makeRow();
    Object.assign(row, { number, seenAt: 0 });
    row.head.addEventListener("click", () => {
      this.#toggle(row);
      row.root.scrollIntoView({ block: "nearest" }); // what opens may lie below the list's edge
    });
    row.root.addEventListener("pointerenter", () => this.#onPoint(number));
    row.root.addEventListener("pointerleave", () => this.#onPoint(null));
    row.head.addEventListener("focus", () => this.#onPoint(number));
    row.head.addEventListener("blur", () => this.#onPoint(null));
    this.#rows.set(number, row);
    this.#list.append(row.root);
    if (isOpen) this.#toggle(row);
    return row;
  }

  #toggle(row) {
    const isOpen = row.head.getAttribute("aria-expanded") === "false";
    row.head.setAttribute("aria-expanded", String(isOpen));
    row.more ??= makeMore(row, this.#key);
    row.more.root.hidden = !isOpen;
    if (row.face) this.#write(row);
  }

  #remove(number) {
    const { root } = this.#rows.get(number);
    this.#rows.delete(number);
    handOnFocus(root, (root.nextElementSibling ?? root.previousElementSibling)?.querySelector("button"));
    root.remove();
  }

  #arrange(sort) {
    const wanted = inOrder([...this.#rows.values()], sort);
    wanted.forEach(({ root }, index) => {
      if (this.#list.children[index] !== root) this.#list.insertBefore(root, this.#list.children[index]);
    });
  }

  #write({ number, face, name, verdict, bar, root, more }) {
    root.dataset.emotion = face.emotion;
    root.classList.toggle("unclear", Boolean(face.unclear));
    name.textContent = text("face", { number });
    verdict.textContent = verdictOf(face);
    fillBar(bar, sharesOf(face));
    if (!more || more.root.hidden) return;
    const likeliest = face.unclear ? likeliestOf(face) : [face.emotion];
    for (const [expression, share] of sharesOf(face)) {
      const { root: line, label, fill, value } = more.bars[expression];
      line.classList.toggle("best", likeliest.includes(expression));
      label.textContent = text(expression);
      fill.style.setProperty("--share", share.toFixed(4));
      value.textContent = percent(share);
    }
  }

  /** Arrow keys go from row to row. */
  #step(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const heads = [...this.#list.querySelectorAll(".row-head")];
    const next = heads[heads.indexOf(document.activeElement) + step];
    if (!step || !next) return;
    event.preventDefault();
    next.focus();
  }
}

function sharesOf(face) {
  return EXPRESSIONS.map((expression) => [expression, face.probabilities[expression]]);
}

function makeRow() {
  const root = element("li", "card");
  const head = element("button", "row-head", { type: "button" });
  head.setAttribute("aria-expanded", "false");
  const thumb = element("canvas", "thumb", { width: THUMB_PX, height: THUMB_PX });
  thumb.setAttribute("aria-hidden", "true");
  const [name, verdict] = [element("span", "row-name"), element("span", "row-verdict")];
  const bar = stackedBar(EXPRESSIONS.map((expression) => [expression, 0]));
  head.append(thumb, name, verdict, bar, icon(OPEN_ICON, "row-icon"));
  root.append(head);
  return { root, head, thumb, name, verdict, bar, more: null };
}

function makeMore(row, key) {
  const root = element("div", "row-more");
  const list = element("ul", "bars");
  const bars = Object.fromEntries(EXPRESSIONS.map((expression) => [expression, makeBar(list, expression)]));
  root.append(list);
  row.root.append(root);
  return { root, bars, why: new Why(root, () => row, key) };
}

function makeBar(list, expression) {
  const root = element("li");
  root.dataset.emotion = expression;
  const [label, bar, value] = [element("span"), element("span", "bar"), element("span", "value")];
  const fill = element("i");
  bar.setAttribute("aria-hidden", "true");
  bar.append(fill);
  root.append(label, bar, value);
  list.append(root);
  return { root, label, fill, value };
}
