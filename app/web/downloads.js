// The downloads of the source on show.
import { counted, text } from "./language.js";
import { csvOf, jsonOf, save } from "./records.js";
import { reportOf } from "./report.js";
import { annotated } from "./stage.js";

const byId = (id) => document.getElementById(id);

/** The buttons under the rows. They save what a source has: its `stem`, `kind`, `model`, `frames`, `failed` files and `onShow`. */
export class Downloads {
  #source;

  constructor() {
    byId("save-csv").addEventListener("click", () => {
      const { frames, failed = [] } = this.#source;
      this.#save("csv", csvOf(frames, failed), "text/csv");
    });
    byId("save-json").addEventListener("click", () => {
      const { kind, model, frames, failed = [] } = this.#source;
      this.#save("json", jsonOf({ source: kind, model, frames, failed }), "application/json");
    });
    byId("save-report").addEventListener("click", async () => {
      const source = this.#source;
      this.#save("html", await reportOf(source, { withPictures: byId("with-pictures").checked }), "text/html", source);
    });
    byId("save-png").addEventListener("click", async () => {
      const { stem, onShow } = this.#source;
      save(`${onShow.stem ?? stem}-boxes.png`, await annotated(onShow), "image/png");
    });
  }

  /** Offer what this source has. */
  offer(source) {
    this.#source = source;
    const { frames, onShow, kind } = source;
    for (const id of ["save-csv", "save-json", "save-report"]) byId(id).disabled = !frames.length;
    byId("save-png").disabled = !onShow;
    const what = counted(kind === "picture" ? "pictures" : "frames", frames.length);
    byId("recorded").textContent = frames.length ? text("kept", { what }) : "";
    byId("with-pictures-choice").hidden = !frames.length;
    byId("drop").hidden = !source.hasAnything;
  }

  #save(ending, content, type, source = this.#source) {
    save(`${source.stem}.${ending}`, content, type);
    source.isSaved = true;
  }
}
