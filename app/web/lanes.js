// Faces over time, one lane each: the last minute of a camera, or a whole film in which a click or drag seeks.
import { clock, element } from "./dom.js";
import { EXPRESSIONS } from "./expressions.js";
import { handOnFocus } from "./focus.js";
import { counted, percent, text } from "./language.js";
import { mostly, runsOf } from "./tracks.js";

const EVERY_MS = 200; // a redraw costs milliseconds
const MOST_LANES = 40;
const COLUMN_PX = 2;
const THUMB_PX = 96;

const byId = (id) => document.getElementById(id);

/** The panel of lanes. */
export class Lanes {
  #panel = byId("lanes-panel");
  #list = byId("lanes");
  #seek = byId("seek");
  #lanes = new Map(); // number -> its elements
  #shown = null; // {tracks, span: () => ({fromS, toS, gapS}), isFilm, covered}
  #timer = 0;
  #drawnAt = -Infinity;
  #onSeek;

  /** @param {(timeS: number) => void} onSeek */
  constructor(onSeek) {
    this.#onSeek = onSeek;
    for (const expression of EXPRESSIONS) {
      const item = element("li");
      item.dataset.emotion = item.dataset.text = expression;
      byId("legend").append(item);
    }
    this.#seek.addEventListener("input", () => onSeek(Number(this.#seek.value)));
    this.#list.addEventListener("pointerdown", (event) => this.#press(event));
    this.#list.addEventListener("pointermove", (event) => {
      if (this.#list.hasPointerCapture(event.pointerId)) this.#seekTo(event);
    });
    new ResizeObserver(() => this.#draw()).observe(this.#list);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /**
   * Show the tracks of a source.
   *
   * @param {Tracks} tracks
   * @param {object} options
   * @param {() => {fromS: number, toS: number, gapS: number}} options.span The axis, and how long a face may be missed.
   * @param {boolean} options.isFilm
   * @param {() => number[][]} options.covered Which parts of a film were answered, in seconds.
   */
  show(tracks, { span, isFilm, covered = () => [] }) {
    this.#shown = { tracks, span, isFilm, covered };
    this.#panel.hidden = false;
    this.#panel.classList.toggle("film", isFilm);
    this.#seek.hidden = byId("covered").hidden = !isFilm;
    if (isFilm) this.#seek.max = String(span().toS);
    this.#draw();
  }

  /** Hide the panel. */
  hide() {
    this.#shown = null;
    this.#panel.hidden = true;
  }

  /** Redraw soon. */
  change() {
    const waitMs = this.#drawnAt + EVERY_MS - performance.now();
    if (waitMs <= 0) this.#draw();
    else this.#timer ||= setTimeout(() => this.#draw(), waitMs);
  }

  /** Where the film is. */
  set timeS(timeS) {
    if (!this.#shown?.isFilm) return;
    const { toS } = this.#shown.span();
    this.#seek.value = String(timeS);
    this.#seek.setAttribute("aria-valuetext", text("timeOf", { at: clock(timeS), total: clock(toS) }));
    this.#panel.style.setProperty("--at", (timeS / toS).toFixed(5));
  }

  /** Redraw, and rewrite in the current language. */
  translate() {
    this.#draw();
  }

  #draw() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#drawnAt = performance.now();
    if (!this.#shown) return;
    const { tracks, span, isFilm, covered } = this.#shown;
    const { fromS, toS, gapS } = span();
    byId("lanes-title").textContent = text(isFilm ? "wholeFilm" : "lastMinute");
    byId("axis-from").textContent = isFilm ? clock(0) : text("minuteAgo");
    byId("axis-to").textContent = isFilm ? clock(toS) : text("now");
    const all = tracks.list;
    const shown = longest(all, MOST_LANES);
    const hidden = all.length - shown.length;
    const words = hidden ? counted("moreFaces", hidden) : all.length ? "" : text("timelineEmpty");
    byId("lanes-note").textContent = words;
    for (const [number, lane] of this.#lanes) {
      if (!shown.some((track) => track.number === number && track === lane.track)) this.#remove(number);
    }
    for (const track of shown) this.#drawLane(track, { fromS, toS, gapS });
    if (isFilm) drawCovered(byId("covered"), covered(), toS);
  }

  #drawLane(track, span) {
    const lane = this.#lanes.get(track.number) ?? this.#add(track);
    lane.thumb.getContext("2d").drawImage(track.thumb, 0, 0);
    const { emotion, share } = mostly(track.points);
    const face = text("face", { number: track.number });
    lane.name.textContent = String(track.number);
    lane.chart.setAttribute("aria-label", text("timelineLabel", {
      face, emotion: text(emotion).toLowerCase(), share: percent(share),
    }));
    const { chart } = lane;
    const [width, height] = [chart.clientWidth * devicePixelRatio, chart.clientHeight * devicePixelRatio];
    if (chart.width !== width) chart.width = width;
    if (chart.height !== height) chart.height = height;
    const columns = Math.max(1, Math.round(chart.clientWidth / COLUMN_PX));
    drawRuns(chart.getContext("2d"), runsOf(track.points, { ...span, columns }));
  }

  #add(track) {
    const root = element("li", "lane");
    const thumb = element("canvas", "thumb", { width: THUMB_PX, height: THUMB_PX });
    thumb.setAttribute("aria-hidden", "true");
    const name = element("span", "lane-name");
    name.setAttribute("aria-hidden", "true");
    const chart = element("canvas", "lane-chart");
    chart.setAttribute("role", "img");
    root.append(thumb, name, chart);
    const after = [...this.#lanes.values()].filter((each) => each.track.number > track.number);
    after.sort((one, other) => one.track.number - other.track.number);
    this.#list.insertBefore(root, after[0]?.root ?? null);
    const lane = { root, thumb, name, chart, track };
    this.#lanes.set(track.number, lane);
    return lane;
  }

  #remove(number) {
    const { root } = this.#lanes.get(number);
    handOnFocus(root);
    root.remove();
    this.#lanes.delete(number);
  }

  #press(event) {
    if (!this.#shown?.isFilm || event.button || !event.target.closest(".lane-chart")) return;
    event.preventDefault();
    this.#list.setPointerCapture(event.pointerId);
    this.#seekTo(event);
  }

  #seekTo(event) {
    const { left, width } = this.#seek.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
    this.#onSeek(share * this.#shown.span().toS);
  }
}

/** Those with the most points, in the order of their numbers. */
function longest(tracks, most) {
  if (tracks.length <= most) return tracks;
  const kept = new Set(tracks.toSorted((one, other) => other.points.length - one.points.length).slice(0, most));
  return tracks.filter((track) => kept.has(track));
}

function drawRuns(context, runs) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(document.documentElement);
  const least = COLUMN_PX * devicePixelRatio;
  for (const run of runs) {
    const points = run.length > 1 ? run : [run[0], { ...run[0], x: run[0].x + least / width }];
    let floor = points.map(() => 0);
    for (const expression of EXPRESSIONS) {
      const ceiling = points.map(({ shares }, index) => floor[index] + shares[expression]);
      context.fillStyle = style.getPropertyValue(`--${expression}`);
      context.beginPath();
      points.forEach(({ x }, index) => context.lineTo(x * width, height * (1 - ceiling[index])));
      points.toReversed().forEach(({ x }, index) => context.lineTo(x * width, height * (1 - floor.at(-1 - index))));
      context.fill();
      floor = ceiling;
    }
  }
}

function drawCovered(canvas, spans, totalS) {
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  for (const [from, to] of spans) {
    context.fillRect((from / totalS) * canvas.width, 0, ((to - from) / totalS) * canvas.width, canvas.height);
  }
}
