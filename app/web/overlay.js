// Boxes and labels over a picture.

// Bright on any picture, each readable under dark letters.
const TONES = { angry: "#ff8f80", happy: "#f7c75a", sad: "#8fc3f8", surprise: "#d2abf8", neutral: "#ccd7d8" };
const INK = "#12191b";
const SHADE = "rgb(0 0 0 / 55%)";

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
 */
export function drawFaces(context, faces, { image, labels, fontPx, mirrored = false }) {
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
  boxes.forEach((box, index) => drawBox(context, box, TONES[faces[index].emotion], Math.max(2, fontPx / 6)));
  const measure = (words) => context.measureText(words).width + fontPx;
  placeLabels(boxes, labels, { width, height, fontPx, measure }).forEach((label, index) => {
    drawLabel(context, label, TONES[faces[index].emotion], fontPx);
  });
}

/**
 * Find room for every face's label, clear of other boxes and labels: in full, above or below its box, or inside a wider
 * box; else in short; else over the box.
 *
 * @param {{left: number, top: number, width: number, height: number}[]} boxes
 * @param {string[][]} labels Possible labels of each face: in full, or in short.
 * @param {{width: number, height: number, fontPx: number, measure: (words: string) => number}} canvas
 * @returns {{words: string, left: number, top: number, width: number, height: number}[]}
 */
export function placeLabels(boxes, labels, canvas) {
  const placed = [];
  boxes.forEach((box, index) => {
    const [whole, least] = labels[index].map((words) => spotsAt(box, words, canvas));
    const inside = whole.inside.width <= box.width ? [whole.inside] : [];
    const others = [...boxes.filter((each) => each !== box), ...placed];
    const isFree = (spot) => !others.some((other) => overlap(spot, other));
    placed.push([...whole.outside, ...inside, ...least.outside].find(isFree) ?? least.inside);
  });
  return placed;
}

/** Where a label fits on the canvas: outside its box, aligned with either side, and inside. */
function spotsAt(box, words, canvas) {
  const [width, height, gap] = [canvas.measure(words), canvas.fontPx * 1.6, canvas.fontPx / 4];
  const spot = (left, top) => ({ words, width, height, top, left: Math.max(0, Math.min(left, canvas.width - width)) });
  const lefts = [box.left, box.left + box.width - width];
  const tops = [box.top - gap - height, box.top + box.height + gap];
  const seen = tops.filter((top) => top >= 0 && top + height <= canvas.height);
  return {
    outside: seen.flatMap((top) => lefts.map((left) => spot(left, top))),
    inside: spot(box.left, Math.max(0, Math.min(box.top + gap, canvas.height - height))),
  };
}

function overlap(one, other) {
  return (
    one.left < other.left + other.width && other.left < one.left + one.width &&
    one.top < other.top + other.height && other.top < one.top + one.height
  );
}

function drawBox(context, { left, top, width, height }, tone, line) {
  for (const [style, lineWidth] of [[SHADE, line * 2], [tone, line]]) {
    context.strokeStyle = style;
    context.lineWidth = lineWidth;
    context.beginPath();
    context.roundRect(left, top, width, height, Math.min(width, height) / 10);
    context.stroke();
  }
}

function drawLabel(context, { words, left, top, width, height }, tone, fontPx) {
  context.fillStyle = tone;
  context.beginPath();
  context.roundRect(left, top, width, height, fontPx / 3);
  context.fill();
  context.fillStyle = INK;
  context.fillText(words, left + fontPx / 2, top + height / 2);
}
