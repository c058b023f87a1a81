// Writes the report of a source: one HTML file that needs nothing else, for reading, printing and passing on.
import { clock } from "./dom.js";
import { countsInWords, EXPRESSIONS, furtherIn, numbersOf, verdictOf } from "./expressions.js";
import { counted, label, percent, text } from "./language.js";
import { html, raw } from "./markup.js";
import { STYLE, TONES } from "./reportstyle.js";
import { annotated } from "./stage.js";
import { meanFurther, meanShares, mostly, pointOf, runsOf } from "./tracks.js";

const COLUMNS = 240; // of a lane
const GAP_S = 0.7;
const PICTURE_PX = 900;

/**
 * Write a report.
 *
 * @param {object} source One of the page's sources, with `kind`, `model`, `frames` and its `film`, `tracks` or `gallery`.
 * @param {{withPictures: boolean}} options Whether pictures and faces may be in it.
 * @returns {Promise<string>} HTML.
 */
export async function reportOf(source, { withPictures }) {
  const isPicture = source.kind === "picture";
  const faces = source.frames.flatMap((frame) => frame.faces);
  const points = faces.map(({ probabilities }) => ({ timeS: 0, shares: probabilities }));
  const parts = isPicture
    ? [await galleryOf(source, withPictures), pictureTable(source)]
    : [lanesOf(source, withPictures)];
  const title = titleOf(source);
  return html`<!doctype html>
<html lang="${document.documentElement.lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${title}</title><style>${raw(STYLE)}</style></head><body>
<header><h1>${title}</h1><p>${new Date().toLocaleString(document.documentElement.lang)}</p>
<p>${modelInWords(source.model)}</p></header>
<main><p class="limits">${limitsOf(faces)}</p>
<section><h2>${text("reportAll")}</h2><p>${sumOf(source, faces)}</p>
${raw(faces.length ? barOf(meanShares(points)) : "")}${raw(legend())}</section>
${raw(parts.join("\n"))}</main>
<footer>${text("reportFoot")}</footer>
</body></html>`;
}

function titleOf({ kind, film, frames }) {
  if (kind === "video") return film.name;
  if (kind === "camera") return text("camera");
  return frames.length === 1 ? frames[0].file : counted("pictures", frames.length);
}

function limitsOf(faces) {
  const isMore = faces.some((face) => Object.keys(furtherIn(face)).length);
  return text("reportLimits") + (isMore ? ` ${text("reportFurther")}` : "");
}

/** The names of the networks with the first digits of their weights' sha256. */
function modelInWords(model) {
  return text("reportModel", { words: Object.values(model ?? {}).join(", ") });
}

function sumOf({ kind, frames, film, tracks }, faces) {
  if (kind === "picture") {
    const list = faces.length ? `: ${countsInWords(faces)}` : "";
    return `${counted("pictures", frames.length)}, ${counted("faces", faces.length)}${list}.`;
  }
  const people = (film?.tracks ?? tracks).list.length;
  const lengthS = film?.durationS ?? (frames.at(-1)?.time_s ?? 0) - (frames[0]?.time_s ?? 0);
  return text("reportTime", {
    length: clock(lengthS), frames: counted("frames", frames.length), faces: counted("faces", people),
  });
}

/** Every face of a film or camera over time, and what it shows in the mean. */
function lanesOf(source, withPictures) {
  const tracks = source.kind === "video" ? source.film.tracks.list : tracksOf(source);
  const toS = source.film?.durationS ?? (source.frames.at(-1)?.time_s || 1);
  const rows = tracks.map(({ number, points, thumb }) => {
    const { emotion, share } = mostly(points);
    const words = text("timelineLabel", {
      face: text("face", { number }), emotion: text(emotion).toLowerCase(), share: percent(share),
    });
    const image = withPictures && thumb ? html`<img src="${thumb.toDataURL("image/jpeg", 0.85)}" alt="">` : "";
    const unclear = points.filter((each) => each.unclear).length / points.length;
    const seen = [
      `${clock(points[0].timeS)} – ${clock(points.at(-1).timeS)}`,
      ...(unclear ? [text("reportUnclear", { share: percent(unclear) })] : []),
      ...meanFurther(points).map(([each, share]) => text("reportMean", { said: `${label(each)} ${percent(share)}` })),
    ].join(" · ");
    return html`<article>${raw(image)}<div><h3>${words}</h3><p>${seen}</p>${raw(laneOf(points, toS))}
${raw(sharesOf(meanShares(points)))}</div></article>`;
  });
  return html`<section><h2>${text("faces")}</h2><p class="scale"><span>0:00</span><span>${clock(toS)}</span></p>
${raw(rows.join("\n"))}</section>`;
}

/** The tracks of a camera, whole: the page itself shows only the last minute. */
function tracksOf({ frames, tracks }) {
  const found = new Map();
  for (const { time_s: timeS, faces } of frames) {
    const numbers = numbersOf(faces);
    faces.forEach((face, index) => {
      if (!found.has(numbers[index])) found.set(numbers[index], []);
      found.get(numbers[index]).push(pointOf(timeS, face));
    });
  }
  const thumbs = new Map(tracks.list.map(({ number, thumb }) => [number, thumb]));
  return [...found].map(([number, points]) => ({ number, points, thumb: thumbs.get(number) }));
}

/** Shares over time, as areas one upon the other. */
function laneOf(points, toS) {
  const areas = runsOf(points, { fromS: 0, toS, columns: COLUMNS, gapS: GAP_S }).flatMap((run) => {
    const wide = run.length > 1 ? run : [run[0], { ...run[0], x: run[0].x + 1 / COLUMNS }];
    let floor = wide.map(() => 0);
    return EXPRESSIONS.map((expression) => {
      const ceiling = wide.map(({ shares }, index) => floor[index] + shares[expression]);
      const spot = (x, y) => `${(x * 1000).toFixed(1)},${(100 - y * 100).toFixed(1)}`;
      const upper = wide.map(({ x }, index) => spot(x, ceiling[index]));
      const lower = wide.map(({ x }, index) => spot(x, floor[index])).reverse();
      floor = ceiling;
      return `<polygon fill="${TONES[expression]}" points="${[...upper, ...lower].join(" ")}"/>`;
    });
  });
  return `<svg class="lane" viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">${areas.join("")}</svg>`;
}

/** Each picture with its boxes, if pictures may be in it. */
async function galleryOf(source, withPictures) {
  if (!withPictures) return "";
  const figures = [];
  for (const { name, state, answer, canBeShown, open } of source.gallery) {
    if (state !== "done" || !canBeShown) continue;
    const { canvas } = await open();
    const blob = await annotated({ picture: canvas, ...answer }, "image/jpeg", PICTURE_PX);
    figures.push(html`<figure><img src="${await dataUrlOf(blob)}" alt=""><figcaption>${name}</figcaption></figure>`);
  }
  return html`<section class="gallery">${raw(figures.join("\n"))}</section>`;
}

function pictureTable({ gallery }) {
  const rows = gallery.flatMap(({ name: file, state, answer, failure }) => {
    const name = answer?.image.truncated ? `${file} (${text("fileCutOff")})` : file;
    if (state === "failed") return html`<tr><td>${name}</td><td colspan="3">${text(failure.kind)}</td></tr>`;
    if (state !== "done") return [];
    if (!answer.faces.length) return html`<tr><td>${name}</td><td colspan="3">${text("summaryNone")}</td></tr>`;
    const numbers = numbersOf(answer.faces);
    return answer.faces.map((face, index) => {
      const shares = EXPRESSIONS.map((expression) => [expression, face.probabilities[expression]]);
      return html`<tr><td>${name}</td><td>${numbers[index]}</td><td>${verdictOf(face)}</td>
<td class="wide">${raw(barOf(shares, face.unclear))}</td></tr>`;
    });
  });
  const heads = ["picture", "reportFace", "reportExpression", "reportShares"].map((key) => html`<th>${text(key)}</th>`);
  return html`<section><h2>${text("faces")}</h2><table><thead><tr>${raw(heads.join(""))}</tr></thead>
<tbody>${raw(rows.join("\n"))}</tbody></table></section>`;
}

/** Shares side by side with their words; hatched where they are an unclear answer. */
function barOf(shares, isUnclear = false) {
  const parts = shares.map(([expression, share]) =>
    `<i style="width:${(share * 100).toFixed(2)}%;background:${TONES[expression]}"></i>`);
  return `<span class="bar${isUnclear ? " unclear" : ""}" aria-hidden="true">${parts.join("")}</span>${sharesOf(shares)}`;
}

function sharesOf(shares) {
  const words = shares.map(([expression, share]) => `${text(expression)} ${percent(share)}`).join(" · ");
  return html`<small>${words}</small>`;
}

function legend() {
  const items = EXPRESSIONS.map((each) => html`<li><i style="background:${TONES[each]}"></i>${text(each)}</li>`);
  return `<ul class="legend">${items.join("")}</ul>`;
}

function dataUrlOf(blob) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.readAsDataURL(blob);
  });
}
