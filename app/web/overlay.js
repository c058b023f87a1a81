// Boxes and labels over a picture.

// Bright on any picture, each readable under dark letters.
const TONES = { angry: "#ff8f80", happy: "#f7c75a", sad: "#8fc3f8", surprise: "#d2abf8", neutral: "#ccd7d8" };
const INK = "#12191b";
const SHADE = "rgb(0 0 0 / 55%)";

/**
 * Draw the box of every face.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {object[]} faces As the server sends them.
 * @param {object} options
 * @param {{width: number, height: number}} options.image Size of the picture that the boxes refer to.
 * @param {string[]} options.labels What is written at each face.
 * @param {number} options.fontPx
 * @param {boolean} options.mirrored Whether the picture is shown mirrored.
 */
export function drawFaces(context, faces, { image, labels, fontPx, mirrored = false }) {
  const { width, height } = context.canvas;
  const [scaleX, scaleY] = [width / image.width, height / image.height];
  context.font = `600 ${fontPx}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  faces.forEach((face, index) => {
    const box = {
      left: (mirrored ? image.width - face.box.x - face.box.width : face.box.x) * scaleX,
      top: face.box.y * scaleY,
      width: face.box.width * scaleX,
      height: face.box.height * scaleY,
    };
    drawBox(context, box, TONES[face.emotion], Math.max(2, fontPx / 6));
    drawLabel(context, box, TONES[face.emotion], labels[index], fontPx);
  });
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

function drawLabel(context, box, tone, label, fontPx) {
  const canvas = context.canvas;
  const width = context.measureText(label).width + fontPx;
  const height = fontPx * 1.6;
  const left = Math.max(0, Math.min(box.left, canvas.width - width));
  const above = box.top - height - fontPx / 4;
  const top = above >= 0 ? above : Math.min(box.top + fontPx / 3, canvas.height - height);
  context.fillStyle = tone;
  context.beginPath();
  context.roundRect(left, top, width, height, fontPx / 3);
  context.fill();
  context.fillStyle = INK;
  context.fillText(label, left + fontPx / 2, top + height / 2);
}
