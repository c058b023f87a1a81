// Small helpers for making elements.

/** Make an element with a class and properties. */
export function element(name, className = "", properties = {}) {
  const made = document.createElement(name);
  if (className) made.className = className;
  return Object.assign(made, properties);
}

/** Make an icon of one line, drawn in a square of 24. */
export function icon(path, className = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  if (className) svg.setAttribute("class", className);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Make a bar of shares side by side, each in its expression's colour: [["happy", 0.7], ...]. */
export function stackedBar(shares) {
  const bar = element("span", "stack");
  bar.setAttribute("aria-hidden", "true");
  for (const [expression] of shares) {
    const part = element("i");
    part.dataset.emotion = expression;
    bar.append(part);
  }
  fillBar(bar, shares);
  return bar;
}

/** Change the shares of such a bar. */
export function fillBar(bar, shares) {
  shares.forEach(([, share], index) => bar.children[index].style.setProperty("--share", share.toFixed(4)));
}

const MARGIN = 0.15;

/** Share of such a picture's side that the longer side of the face's box takes. */
export const THUMB_SHARE = 1 / (1 + 2 * MARGIN);

/** Draw a face into a square canvas; `scale`: picture pixels per box pixel. */
export function drawThumb(canvas, picture, box, scale) {
  const side = Math.max(box.width, box.height) * (1 + 2 * MARGIN) * scale;
  const left = (box.x + box.width / 2) * scale - side / 2;
  const top = (box.y + box.height / 2) * scale - side / 2;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
}

/** Seconds as minutes: 0:07, 12:30. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
