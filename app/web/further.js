// What the page asks of a face besides its emotion: a switch for each network that the server has loaded, off at first.
import { element } from "./dom.js";
import { label, text } from "./language.js";
import { furtherAttributes } from "./models.js";

/** The switches; there is none where the server says nothing but emotions. */
export class Further {
  #root = document.getElementById("further");
  #switches = []; // {attribute, box, words}

  constructor() {
    furtherAttributes().then((attributes) => attributes.forEach((each) => this.#add(each)), () => {});
  }

  /** The attributes that are switched on. */
  get asked() {
    return this.#switches.filter(({ box }) => box.checked).map(({ attribute }) => attribute);
  }

  translate() {
    for (const { attribute, words } of this.#switches) {
      words.textContent = attribute === "gender" ? text("askGender") : text("askFurther", { name: label(attribute) });
    }
  }

  #add(attribute) {
    const [root, words] = [element("label", "choice"), element("span")];
    const box = element("input", "", { type: "checkbox", id: `ask-${attribute}` });
    root.append(box, words);
    this.#root.append(root);
    this.#switches.push({ attribute, box, words });
    this.translate();
  }
}
