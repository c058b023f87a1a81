// The page: connects its parts and starts one source at a time.
import { listCameras, openCamera } from "./camera.js";
import { backOffS, Failure } from "./failure.js";
import { hide } from "./focus.js";
import { Frames } from "./frames.js";
import { preferredLanguage, text, useLanguage } from "./language.js";
import { runLive } from "./live.js";
import { Notice } from "./notice.js";
import { announce, Results } from "./results.js";
import { detect } from "./server.js";
import { Stage } from "./stage.js";

const byId = (id) => document.getElementById(id);
const HOPELESS = new Set(["insecure", "oldBrowser"]); // retrying the camera would not help
const ANOTHER = { picture: "anotherPicture", video: "anotherVideo" };

const stage = new Stage();
const notice = new Notice();
const results = new Results(stage);
const { video } = stage;

let source = "camera";
let running = new AbortController(); // ends whatever is running
let apiKey = "";

/** End what is running and prepare the page for a source; nothing of the previous one is kept. */
function begin(chosen) {
  end();
  source = chosen;
  stage.invite(source);
  results.begin(source);
  document.querySelector(`input[name="source"][value="${source}"]`).checked = true;
  byId("smoothing-choice").hidden = source === "picture";
  return running.signal;
}

/** End what is running. */
function end() {
  running.abort();
  running = new AbortController();
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
  notice.hide();
  stage.busy = false;
  ["stop", "another", "camera-choice"].map(byId).forEach(hide);
}

/** Show a failure and resolve when it is time to retry. */
function untilRetry(failure, waitS = Infinity) {
  return new Promise((resolve) => {
    const askKey = failure.kind === "keyNeeded" || failure.kind === "keyWrong";
    if (askKey) notice.askForKey(failure, (key) => { apiKey = key; resolve(); });
    else notice.show(failure, { again: resolve, waitS });
  });
}

async function showPicture(file) {
  const signal = begin("picture");
  offerAnother();
  stage.busy = true;
  announce(text("working"));
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (signal.aborted) return bitmap?.close();
  if (bitmap) stage.showStill({ width: bitmap.width, height: bitmap.height, bitmap });
  bitmap?.close();
  const answered = await ask(file, signal);
  if (signal.aborted || !answered) return;
  const { answer, roundTripMs } = answered;
  if (!bitmap) {
    stage.showStill(answer.image);
    notice.show(new Failure("noPreview"));
  }
  results.beginSession(answer.model);
  results.add(answer, { picture: stage.still, frame: 0, timeS: 0, roundTripMs });
}

/** Send a picture until it is answered or refused for good; the time is that of the answered attempt. */
async function ask(file, signal) {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      stage.busy = true;
      const sentAt = performance.now();
      const answer = await detect(file, { key: apiKey, signal });
      notice.hide();
      return { answer, roundTripMs: performance.now() - sentAt };
    } catch (failure) {
      if (signal.aborted) return null;
      if (!(failure instanceof Failure)) throw failure;
      stage.busy = false;
      const waitS = Math.max(failure.retryAfterS, backOffS(failures));
      await untilRetry(failure, failure.passing ? waitS : Infinity);
    } finally {
      if (!signal.aborted) stage.busy = false;
    }
  }
  return null;
}

/** @param {string} keyboardAt The control to focus once the camera runs. */
async function startCamera(deviceId = "", keyboardAt = "stop") {
  const signal = begin("camera");
  try {
    if (!Frames.areTold) throw new Failure("oldBrowser");
    const stream = await openCamera(deviceId);
    if (signal.aborted) return stream.getTracks().forEach((track) => track.stop());
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      end();
      stage.invite("camera");
      notice.show(new Failure("cameraEnded"), { again: () => startCamera(deviceId) });
    });
    video.srcObject = stream;
    video.muted = true;
    await video.play();
    byId("stop").hidden = false;
    await offerCameras(stream, signal);
    if (signal.aborted) return;
    byId(keyboardAt).focus();
    const { facingMode } = stream.getVideoTracks()[0].getSettings();
    await runStream(signal, { mirrored: facingMode !== "environment", controls: false });
  } catch (failure) {
    if (signal.aborted) return;
    if (!(failure instanceof Failure)) {
      end();
      stage.invite("camera");
      throw failure;
    }
    notice.show(failure, { again: HOPELESS.has(failure.kind) ? null : () => startCamera(deviceId) });
  }
}

async function showVideo(file) {
  const signal = begin("video");
  if (!Frames.areTold) return notice.show(new Failure("oldBrowser"));
  offerAnother();
  video.src = URL.createObjectURL(file);
  video.muted = true;
  const hasPicture = await new Promise((resolve) => {
    video.addEventListener("loadedmetadata", () => resolve(video.videoWidth > 0), { signal, once: true });
    video.addEventListener("error", () => resolve(false), { signal, once: true });
  });
  if (!hasPicture) {
    begin("video");
    return notice.show(new Failure("badVideo"));
  }
  video.play().catch(() => {}); // a browser may require a press of its play button first
  await runStream(signal, { mirrored: false, controls: true });
}

async function runStream(signal, view) {
  stage.showVideo(view);
  let startedAt = null;
  let frameNumber = 0;
  let wasLost = false;
  await runLive(new Frames(video, signal), {
    signal,
    key: () => apiKey,
    smoothing: () => byId("smoothing").checked,
    onSession: ({ model }) => results.beginSession(model),
    onAnswer: ({ reply, frame, roundTripMs }) => {
      if (reply.type === "frame.dropped") return;
      notice.settle();
      if (wasLost) announce(text("connectedAgain"));
      wasLost = false;
      startedAt ??= frame.timeS;
      const timeS = source === "camera" ? frame.timeS - startedAt : frame.timeS;
      results.add(reply, { picture: frame.canvas, frame: frameNumber++, timeS, roundTripMs });
    },
    onFailure: (failure, waitS) => {
      wasLost = true;
      stage.hideBoxes();
      return untilRetry(failure, waitS);
    },
  });
}

function offerAnother() {
  byId("another").hidden = false;
  byId("another").textContent = text(ANOTHER[source]);
}

async function offerCameras(stream, signal) {
  const cameras = await listCameras();
  if (signal.aborted) return;
  const used = stream.getVideoTracks()[0].getSettings().deviceId;
  byId("camera-choice").hidden = cameras.length < 2;
  byId("camera-list").replaceChildren(
    ...cameras.map(({ deviceId, label }, index) =>
      new Option(label || text("cameraName", { number: index + 1 }), deviceId, false, deviceId === used)),
  );
}

/** Take a file from any origin. */
function open(file) {
  if (file.type.startsWith("video/") || (!file.type && source === "video")) showVideo(file);
  else if (file.type.startsWith("image/") || !file.type || source === "picture") showPicture(file);
  else notice.mention(new Failure("notAPicture"));
}

function translate(language, options) {
  useLanguage(language, options);
  notice.translate();
  results.translate();
  if (source in ANOTHER) byId("another").textContent = text(ANOTHER[source]);
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => translate(button.dataset.language, { remember: true }));
}
for (const radio of document.querySelectorAll('input[name="source"]')) {
  radio.addEventListener("change", () => begin(radio.value));
}
for (const kind of ["picture", "video"]) {
  const input = byId(`${kind}-file`);
  document.querySelector(`[data-choose="${kind}"]`).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length) open(input.files[0]);
    byId("another").focus(); // the pressed button is gone
    input.value = "";
  });
}
byId("another").addEventListener("click", () => byId(`${source}-file`).click());
byId("start-camera").addEventListener("click", () => startCamera());
byId("camera-list").addEventListener("change", () => startCamera(byId("camera-list").value, "camera-list"));
byId("stop").addEventListener("click", () => {
  end(); // results stay, for downloads
  stage.invite("camera");
  byId("start-camera").focus();
});

document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) open(event.clipboardData.files[0]);
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
  if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
});

translate(preferredLanguage());
begin("camera");
