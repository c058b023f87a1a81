// The last minute of one face: five shares over time, stacked.
import { EXPRESSIONS } from "./expressions.js";
import { percent, text } from "./language.js";

const SPAN_MS = 60_000;
const GAP_MS = 3_000; // a longer gap of the face is left blank, and another face is followed

/** Remembers the faces of the last minute and draws one of them. */
export class Timeline {
  #canvas = document.getElementById("timeline");
  #caption = document.getElementById("timeline-face");
  #samples = []; // {at, shares: Map(id -> probabilities)}
  followed = null;

  constructor() {
    new ResizeObserver(() => this.draw()).observe(this.#canvas);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /**
   * Add one answer's faces.
   *
   * @param {Map<number, Object<string, number>>} shares Probabilities by face number, largest face first.
   */
  add(shares) {
    const at = performance.now();
    this.#samples.push({ at, shares });
    while (this.#samples[0].at < at - SPAN_MS) this.#samples.shift();
    if (!this.#wasSeen(at - GAP_MS)) this.followed = shares.keys().next().value ?? this.followed;
    this.draw();
  }

  /** Forget everything. */
  clear() {
    this.#samples = [];
    this.followed = null;
    this.draw();
  }

  /** Draw the followed face and describe it in words. */
  draw() {
    const canvas = this.#canvas;
    canvas.width = canvas.clientWidth * devicePixelRatio;
    canvas.height = canvas.clientHeight * devicePixelRatio;
    const context = canvas.getContext("2d");
    const end = this.#samples.at(-1)?.at ?? 0;
    const toX = (at) => canvas.width * (1 - (end - at) / SPAN_MS);
    const points = this.#samples.filter(({ shares }) => shares.has(this.followed));
    for (const run of runsOf(points)) drawRun(context, run, this.followed, toX);
    this.#describe(points);
  }

  #wasSeen(since) {
    return this.#samples.some(({ at, shares }) => at >= since && shares.has(this.followed));
  }

  #describe(points) {
    let words = text("timelineEmpty");
    if (points.length) {
      const counts = new Map();
      for (const { shares } of points) {
        const best = strongest(shares.get(this.followed));
        counts.set(best, (counts.get(best) ?? 0) + 1);
      }
      const [emotion, count] = [...counts].sort((one, other) => other[1] - one[1])[0];
      words = text("timelineLabel", {
        face: text("face", { number: this.followed }),
        emotion: text(emotion).toLowerCase(),
        share: percent(count / points.length),
      });
    }
    this.#caption.textContent = words;
    this.#canvas.setAttribute("aria-label", words);
  }
}

function strongest(probabilities) {
  return EXPRESSIONS.reduce((best, each) => (probabilities[each] > probabilities[best] ? each : best));
}

/** Split where the face was absent. */
function runsOf(points) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point.at - run.at(-1).at <= GAP_MS) run.push(point);
    else runs.push([point]);
  }
  return runs;
}

function drawRun(context, run, id, toX) {
  const { height } = context.canvas;
  const style = getComputedStyle(document.documentElement);
  context.strokeStyle = style.getPropertyValue("--surface");
  context.lineWidth = 2 * devicePixelRatio;
  let floor = run.map(() => 0);
  for (const expression of EXPRESSIONS) {
    const ceiling = run.map(({ shares }, index) => floor[index] + shares.get(id)[expression]);
    context.fillStyle = style.getPropertyValue(`--${expression}`);
    context.beginPath();
    run.forEach(({ at }, index) => context.lineTo(toX(at), height * (1 - ceiling[index])));
    run.toReversed().forEach(({ at }, index) => context.lineTo(toX(at), height * (1 - floor.at(-1 - index))));
    context.fill();
    context.stroke(); // the edge separates neighbours of similar brightness
    floor = ceiling;
  }
}
