// One card per face: a small picture of it, the strongest expression, five bars.
import { EXPRESSIONS, numbersOf } from "./expressions.js";
import { handOnFocus } from "./focus.js";
import { percent, text } from "./language.js";

const HOLD_MS = 1000; // a face missed for a few frames keeps its card
const MARGIN = 0.15;
const THUMB_PX = 128;
const FOLLOW_ICON = "M4 18V6M4 18h16M7.5 14l3.5-4 3 2.5L19 7";

/** The list of cards. */
export class Cards {
  #list = document.getElementById("cards");
  #cards = new Map();
  #onFollow;

  /** @param {(id: number) => void} onFollow Called when a card's button is pressed. */
  constructor(onFollow) {
    this.#onFollow = onFollow;
  }

  /**
   * Show these faces.
   *
   * @param {object[]} faces As the server sends them.
   * @param {CanvasImageSource} picture Where they were found.
   * @param {number} scale Picture pixels per box pixel.
   * @param {{followed: number | null}} options The timeline's face; null: there is no timeline.
   */
  show(faces, picture, scale, { followed = null } = {}) {
    const now = performance.now();
    const numbers = numbersOf(faces);
    faces.forEach((face, index) => {
      const id = numbers[index];
      const card = this.#cards.get(id) ?? this.#add(id);
      Object.assign(card, { face, seenAt: now });
      this.#write(card, followed);
      drawThumb(card.thumb, picture, face.box, scale);
    });
    for (const [id, card] of this.#cards) {
      if (followed === null ? card.seenAt < now : card.seenAt < now - HOLD_MS) this.#remove(id);
      else card.root.classList.toggle("gone", card.seenAt < now);
    }
  }

  /** Remove all cards. */
  clear() {
    for (const id of [...this.#cards.keys()]) this.#remove(id);
  }

  /** Rewrite the texts in the current language. */
  translate(followed) {
    for (const card of this.#cards.values()) this.#write(card, followed);
  }

  #add(id) {
    const card = makeCard(() => this.#onFollow(id));
    card.id = id;
    this.#cards.set(id, card);
    const after = [...this.#cards.values()].filter((each) => each.id > id && each.root.isConnected);
    after.sort((one, other) => one.id - other.id);
    this.#list.insertBefore(card.root, after[0]?.root ?? null);
    return card;
  }

  #remove(id) {
    const { root } = this.#cards.get(id);
    this.#cards.delete(id);
    handOnFocus(root, (root.nextElementSibling ?? root.previousElementSibling)?.querySelector("button"));
    root.remove();
  }

  #write({ id, face, name, best, follow, bars }, followed) {
    name.nodeValue = text("face", { number: id });
    best.textContent = `${text(face.emotion)} · ${percent(face.confidence)}`;
    follow.hidden = followed === null;
    follow.setAttribute("aria-pressed", String(followed === id));
    follow.setAttribute("aria-label", text("follow", { number: id }));
    follow.title = text("follow", { number: id });
    for (const expression of EXPRESSIONS) {
      const share = face.probabilities[expression];
      const bar = bars[expression];
      bar.root.classList.toggle("best", expression === face.emotion);
      bar.label.textContent = text(expression);
      bar.fill.style.setProperty("--share", share.toFixed(4));
      bar.value.textContent = percent(share);
    }
  }
}

function makeCard(onFollow) {
  const root = element("li", "card");
  const thumb = element("canvas");
  thumb.width = thumb.height = THUMB_PX;
  thumb.setAttribute("aria-hidden", "true");
  const head = element("div", "card-head");
  const title = element("h3");
  const name = document.createTextNode("");
  const best = element("span");
  title.append(name, best);
  const follow = element("button", "button");
  follow.type = "button";
  follow.append(icon(FOLLOW_ICON));
  follow.addEventListener("click", onFollow);
  head.append(title, follow);
  const list = element("ul", "bars");
  const bars = Object.fromEntries(EXPRESSIONS.map((expression) => [expression, makeBar(list, expression)]));
  root.append(thumb, head, list);
  return { root, thumb, name, best, follow, bars, seenAt: 0 };
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

function element(name, className = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function drawThumb(canvas, picture, box, scale) {
  const side = Math.max(box.width, box.height) * (1 + 2 * MARGIN) * scale;
  const left = (box.x + box.width / 2) * scale - side / 2;
  const top = (box.y + box.height / 2) * scale - side / 2;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
}
