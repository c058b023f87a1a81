// The strip of small pictures: each with its faces' expressions, or with what went wrong.
import { element, fillBar, stackedBar } from "./dom.js";
import { countsInWords, countsOf, EXPRESSIONS } from "./expressions.js";
import { text } from "./language.js";

const TYPING = "input, select, textarea, video, [role=slider]";

/** A list of buttons; the arrow keys go back and forth wherever they mean nothing else. */
export class Strip {
  #panel = document.getElementById("strip-panel");
  #list = document.getElementById("strip");
  #items = new Map(); // Picture -> its elements
  #onChoose;
  #chosen = null;

  /** @param {(picture: Picture) => void} onChoose */
  constructor(onChoose) {
    this.#onChoose = onChoose;
    for (const [id, step] of [["previous", -1], ["next", 1]]) {
      document.getElementById(id).addEventListener("click", () => this.#step(step));
    }
    document.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || this.#panel.hidden || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.target.closest?.(TYPING)) return;
      event.preventDefault();
      this.#step(step);
    });
  }

  /** Show these pictures, if there are several. */
  show(pictures, chosen) {
    this.#chosen = chosen;
    this.#panel.hidden = pictures.length < 2;
    for (const [picture, { root }] of this.#items) {
      if (pictures.includes(picture)) continue;
      root.remove();
      this.#items.delete(picture);
    }
    for (const picture of pictures) this.update(picture);
    this.#mark();
  }

  /** Hide it. */
  hide() {
    this.#panel.hidden = true;
  }

  /** Rewrite one picture's item. */
  update(picture) {
    const item = this.#items.get(picture) ?? this.#add(picture);
    item.root.dataset.state = picture.state;
    item.words.textContent = caption(picture);
    const faces = picture.answer?.faces ?? [];
    const counts = new Map(countsOf(faces));
    fillBar(item.bar, EXPRESSIONS.map((expression) => [expression, (counts.get(expression) ?? 0) / (faces.length || 1)]));
    item.button.setAttribute("aria-label", `${picture.number}. ${picture.name}: ${described(picture)}`);
    item.button.title = `${picture.name}: ${described(picture)}`;
  }

  #add(picture) {
    const root = element("li", "strip-item");
    const button = element("button", "", { type: "button" });
    const words = element("span", "strip-words");
    const bar = stackedBar(EXPRESSIONS.map((expression) => [expression, 0]));
    button.append(picture.thumb, bar, words);
    button.addEventListener("click", () => this.#onChoose(picture));
    root.append(button);
    this.#list.append(root);
    const item = { root, button, words, bar };
    this.#items.set(picture, item);
    return item;
  }

  #step(step) {
    const pictures = [...this.#items.keys()];
    const next = pictures[pictures.indexOf(this.#chosen) + step];
    if (!next) return;
    const hadFocus = this.#list.contains(document.activeElement);
    this.#onChoose(next);
    if (hadFocus) this.#items.get(next).button.focus({ preventScroll: true });
  }

  #mark() {
    const pictures = [...this.#items.keys()];
    const at = pictures.indexOf(this.#chosen);
    const ways = [["previous", at <= 0], ["next", at === pictures.length - 1]];
    for (const [id, isEnd] of ways) document.getElementById(id).setAttribute("aria-disabled", String(isEnd)); // keeps the focus
    for (const [picture, { button, root }] of this.#items) {
      button.setAttribute("aria-current", String(picture === this.#chosen));
      if (picture === this.#chosen) this.#bringIntoView(root);
    }
  }

  /** Scrolls the strip alone, never the page. */
  #bringIntoView(root) {
    const left = root.offsetLeft - (this.#list.clientWidth - root.offsetWidth) / 2;
    this.#list.scrollTo({ left });
  }
}

function caption({ state, answer }) {
  if (state === "failed") return text("stripFailed");
  if (state !== "done") return "…";
  const { faces } = answer;
  if (!faces.length) return text("stripNobody");
  if (faces.length > 1) return text("stripFaces", { count: faces.length });
  return text(faces[0].unclear ? "stripUnclear" : faces[0].emotion);
}

function described({ state, answer, failure }) {
  if (state === "failed") return text(failure.kind);
  if (state !== "done") return text(state === "sending" ? "stateSending" : "stateWaiting");
  return answer.faces.length ? countsInWords(answer.faces) : text("summaryNone");
}
