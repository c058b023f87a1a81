// Boxes and labels over a picture.

// Bright on any picture, each readable under dark letters.
const TONES = { angry: "#ff8f80", happy: "#f7c75a", sad: "#8fc3f8", surprise: "#d2abf8", neutral: "#ccd7d8" };
const INK = "#12191b";
const SHADE = "rgb(0 0 0 / 55%)";
const FAINT = 0.4;
const DASH_LINES = 3; // length of a dash, in widths of the line
const EYES = { from: 0.2, to: 0.56 }; // of a box's height; YOLOv8n-face's boxes reach from the hairline to the chin

/**
 * Draw every face's box and, over all boxes, its label.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {object[]} faces As the server sends them.
 * @param {object} options
 * @param {{width: number, height: number}} options.image Size of the picture that the boxes refer to.
 * @param {string[][]} options.labels Possible labels of each face: in full, or in short.
 * @param {number} options.fontPx
 * @param {boolean} options.mirrored Whether the picture is shown mirrored.
 * @param {number} options.lit Index of the face that is pointed at; -1: none.
 */
export function drawFaces(context, faces, { image, labels, fontPx, mirrored = false, lit = -1 }) {
  const { width, height } = context.canvas;
  const [scaleX, scaleY] = [width / image.width, height / image.height];
  const boxes = faces.map(({ box }) => ({
    left: (mirrored ? image.width - box.x - box.width : box.x) * scaleX,
    top: box.y * scaleY,
    width: box.width * scaleX,
    height: box.height * scaleY,
  }));
  context.font = `600 ${fontPx}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const measure = (words) => context.measureText(words).width + fontPx;
  const placed = placeLabels(boxes, labels, { width, height, fontPx, measure }, lit);
  const order = boxes.map((_, index) => index).sort((one, other) => (one === lit) - (other === lit));
  for (const draw of [
    (index) => drawBox(context, boxes[index], faces[index], lineOf(boxes[index], fontPx), index === lit),
    (index) => drawLabel(context, placed[index], TONES[faces[index].emotion], fontPx),
  ]) {
    for (const index of order) {
      context.globalAlpha = lit < 0 || index === lit ? 1 : FAINT;
      draw(index);
    }
  }
  context.globalAlpha = 1;
}

/**
 * Find room for every face's label, clear of other boxes, labels and all eyes: in full, above or below its box, or inside
 * a wider box; else in short; else only a dot at a corner of the box, or nothing.
 *
 * @param {{left: number, top: number, width: number, height: number}[]} boxes
 * @param {string[][]} labels Possible labels of each face: in full, or in short.
 * @param {{width: number, height: number, fontPx: number, measure: (words: string) => number}} canvas
 * @param {number} first Index of the face that chooses before the others; -1: none.
 * @returns {{words: string, left: number, top: number, width: number, height: number}[]} Without words: a dot; without
 *   width too: nothing.
 */
export function placeLabels(boxes, labels, canvas, first = -1) {
  const taken = [];
  const eyes = boxes.map(eyesOf);
  const placed = [];
  const order = boxes.map((_, index) => index).sort((one, other) => (other === first) - (one === first));
  for (const index of order) {
    const box = boxes[index];
    const [whole, least] = labels[index].map((words) => spotsAt(box, words, canvas));
    const isClear = (spot) => ![...eyes, ...taken].some((other) => overlap(spot, other));
    const isFree = (spot) => isClear(spot) && !boxes.some((other) => other !== box && overlap(spot, other));
    const fits = (spot) => spot.width <= box.width;
    const spot = [...whole.outside, ...whole.inside.filter(fits), ...least.outside].find(isFree)
      ?? least.inside.filter(fits).find(isClear)
      ?? dotsAt(box, canvas.fontPx).find(isClear)
      ?? { words: "", left: box.left, top: box.top, width: 0, height: 0 };
    placed[index] = spot;
    taken.push(spot);
  }
  return placed;
}

/** Where the eyes of a face are, roughly. */
export function eyesOf({ left, top, width, height }) {
  return { left, top: top + height * EYES.from, width, height: height * (EYES.to - EYES.from) };
}

/** Where a label fits on the canvas: outside its box, aligned with either side, and inside. */
function spotsAt(box, words, canvas) {
  const [width, height, gap] = [canvas.measure(words), canvas.fontPx * 1.6, canvas.fontPx / 4];
  const spot = (left, top) => ({ words, width, height, top, left: Math.max(0, Math.min(left, canvas.width - width)) });
  const isSeen = (top) => top >= 0 && top + height <= canvas.height;
  const bottom = box.top + box.height;
  const lefts = [box.left, box.left + box.width - width];
  return {
    outside: [box.top - gap - height, bottom + gap].filter(isSeen).flatMap((top) => lefts.map((left) => spot(left, top))),
    inside: [Math.max(box.top, 0) + gap, Math.min(bottom, canvas.height) - gap - height].filter(isSeen)
      .map((top) => spot(box.left, top)),
  };
}

function dotsAt({ left, top, width, height }, fontPx) {
  const side = fontPx * 0.7;
  const corners = [[left, top], [left + width, top], [left, top + height], [left + width, top + height]];
  return corners.map(([x, y]) => ({ words: "", left: x - side / 2, top: y - side / 2, width: side, height: side }));
}

function overlap(one, other) {
  return (
    one.left < other.left + other.width && other.left < one.left + one.width &&
    one.top < other.top + other.height && other.top < one.top + one.height
  );
}

/** Thinner around small faces, which it would hide. */
function lineOf({ width }, fontPx) {
  return Math.max(fontPx / 9, Math.min(fontPx / 6, width / 16));
}

/** A box; dashed where the answer is unclear. */
function drawBox(context, { left, top, width, height }, { emotion, unclear }, line, isLit) {
  const dashes = unclear ? [line * DASH_LINES, line * DASH_LINES] : [];
  const strokes = [[SHADE, line * 2, []], [TONES[emotion], line, dashes]];
  if (isLit) strokes.unshift([SHADE, line * 5, []], ["#fff", line * 3.5, []]);
  for (const [style, lineWidth, dash] of strokes) {
    context.strokeStyle = style;
    context.lineWidth = lineWidth;
    context.setLineDash(dash);
    context.beginPath();
    context.roundRect(left, top, width, height, Math.min(width, height) / 10);
    context.stroke();
  }
}

function drawLabel(context, { words, left, top, width, height }, tone, fontPx) {
  if (!width) return;
  context.fillStyle = tone;
  context.beginPath();
  context.roundRect(left, top, width, height, words ? fontPx / 3 : width / 2);
  context.fill();
  context.fillStyle = INK;
  if (words) context.fillText(words, left + fontPx / 2, top + height / 2);
}
