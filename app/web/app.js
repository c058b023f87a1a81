// The page: connects its parts and shows one source at a time.
import { Cameras } from "./cameras.js";
import { Downloads } from "./downloads.js";
import { Failure } from "./failure.js";
import { Films } from "./films.js";
import { Further } from "./further.js";
import { Lanes } from "./lanes.js";
import { preferredLanguage, text, useLanguage } from "./language.js";
import { Notice } from "./notice.js";
import { Pictures } from "./pictures.js";
import { Results } from "./results.js";
import { offerSamples } from "./samples.js";
import { Stage } from "./stage.js";
import { translateWaiting, waitNoMore } from "./waiting.js";

const byId = (id) => document.getElementById(id);
const ANOTHER = { picture: "morePictures", video: "anotherVideo" };

let apiKey = "";
let source = null; // what is on show

const stage = new Stage();
const notice = new Notice();
const results = new Results(stage, () => apiKey);
const downloads = new Downloads();
const further = new Further();
const lanes = new Lanes((timeS) => sources.video.seek(timeS));
const ui = {
  stage,
  notice,
  results,
  lanes,
  key: () => apiKey,
  smoothing: () => byId("smoothing").checked,
  attributes: () => further.asked,
  untilRetry,
  changed: () => { if (source) writeAround(); },
};
const sources = { camera: new Cameras(ui), picture: new Pictures(ui), video: new Films(ui) };

/** Put a source on show; the others keep what they have. */
function show(kind) {
  if (source?.kind !== kind) {
    source?.leave();
    notice.hide();
    waitNoMore();
    results.clear();
    source = sources[kind];
    document.querySelector(`input[name="source"][value="${kind}"]`).checked = true;
    source.enter();
  }
  writeAround();
  return source;
}

/** What depends on the source on show and on what it has. */
function writeAround() {
  const { kind, hasAnything } = source;
  byId("smoothing-choice").hidden = kind === "picture";
  byId("another").hidden = !(kind in ANOTHER && hasAnything);
  if (kind in ANOTHER) byId("another").textContent = text(ANOTHER[kind]);
  downloads.offer(source);
  results.writeFigures({ isShown: hasAnything, isStream: kind !== "picture" });
}

/** Show a failure and resolve when it is time to retry. */
function untilRetry(failure, waitS = Infinity) {
  return new Promise((resolve) => {
    if (failure.asksForKey) notice.askForKey(failure, (key) => { apiKey = key; resolve(); });
    else notice.show(failure, { again: failure.worthATry ? resolve : null, waitS });
  });
}

/** Take files from any origin: one film, or any number of pictures. */
function open(files) {
  const isFilm = (file) => file.type.startsWith("video/") || (!file.type && source.kind === "video");
  const isPicture = (file) => file.type.startsWith("image/") || (!file.type && !isFilm(file)) || source.kind === "picture";
  const film = files.find(isFilm);
  const pictures = files.filter((file) => !isFilm(file) && isPicture(file));
  if (pictures.length) show("picture").add(pictures);
  else if (film && mayDrop(sources.video)) show("video").open(film);
  if (!film && !pictures.length) notice.mention(new Failure("notAPicture"));
  writeAround();
}

/** Whether what a source has may go: it is saved, or the user says so. */
function mayDrop(dropped) {
  return dropped.isSaved || window.confirm(text("dropUnsaved"));
}

function translate(language, options) {
  useLanguage(language, options);
  notice.translate();
  translateWaiting();
  results.translate();
  further.translate();
  lanes.translate();
  source?.translate();
  if (source) writeAround();
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => translate(button.dataset.language, { remember: true }));
}
for (const radio of document.querySelectorAll('input[name="source"]')) {
  radio.addEventListener("change", () => show(radio.value));
}
for (const kind of ["picture", "video"]) {
  const input = byId(`${kind}-file`);
  document.querySelector(`[data-choose="${kind}"]`).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (!files.length) return;
    show(kind);
    open(files);
    byId("another").focus(); // the pressed button is gone
  });
}
byId("another").addEventListener("click", () => byId(`${source.kind}-file`).click());
byId("drop").addEventListener("click", () => {
  if (!mayDrop(source)) return;
  notice.hide();
  waitNoMore();
  source.drop();
  writeAround();
  document.querySelector(`input[name="source"]:checked`).focus();
});
offerSamples((file) => open([file]), (failure) => notice.show(failure));

document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) open([...event.clipboardData.files]);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length) open([...event.dataTransfer.files]);
});
window.addEventListener("beforeunload", (event) => {
  if (Object.values(sources).some(({ isSaved }) => !isSaved)) event.preventDefault();
});

translate(preferredLanguage());
show("camera");
