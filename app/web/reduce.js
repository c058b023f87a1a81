// Makes a chosen file ready: a picture to show, and bytes to send that are no more than the search needs.

const MOST_SIDE_PX = 2560; // faces are searched at a quarter of this; the rest is for the crops of small ones
const LIGHT_BYTES = 1_500_000; // smaller files go as they are, unless they are larger than that in pixels
const QUALITY = 0.9;
const TAIL_BYTES = 65_536; // phones write more behind a JPEG's end

/**
 * Open a picture file.
 *
 * @param {Blob} file
 * @returns {Promise<{canvas: HTMLCanvasElement, image: {width: number, height: number, truncated?: true}} | null>}
 *   Upright, its longer side at most 2560 px, with its size before, and whether the file was cut off, which a reduced
 *   copy would not show; null if this browser cannot show it.
 */
export async function openPicture(file) {
  const element = new Image();
  element.src = URL.createObjectURL(file);
  try {
    await element.decode();
    const image = { width: element.naturalWidth, height: element.naturalHeight };
    if (await isCutOff(file)) image.truncated = true;
    const scale = Math.min(1, MOST_SIDE_PX / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(element, 0, 0, canvas.width, canvas.height);
    return { canvas, image };
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(element.src);
  }
}

/**
 * What to send of a picture: the file itself if it is small, else a reduced JPEG.
 *
 * @param {Blob} file
 * @param {{canvas: HTMLCanvasElement, image: object} | null} opened
 * @returns {Promise<{payload: Blob, image: object | null}>} `image`: the size that the boxes shall refer to.
 */
export async function reduced(file, opened) {
  if (!opened) return { payload: file, image: null };
  const { canvas, image } = opened;
  if (file.size <= LIGHT_BYTES && canvas.width === image.width) return { payload: file, image };
  const payload = await new Promise((resolve) => { onWhite(canvas).toBlob(resolve, "image/jpeg", QUALITY); });
  return { payload: payload && (payload.size < file.size || canvas.width < image.width) ? payload : file, image };
}

/** Scale an answer's boxes to the picture's size before it was reduced. */
export function scaledBack(answer, image) {
  if (!image) return answer;
  if (answer.image.width === image.width) return { ...answer, image: { ...answer.image, ...image } };
  const [scaleX, scaleY] = [image.width / answer.image.width, image.height / answer.image.height];
  const hundredths = (value) => Math.round(value * 100) / 100;
  const faces = answer.faces.map((face) => ({
    ...face,
    box: {
      x: hundredths(face.box.x * scaleX),
      y: hundredths(face.box.y * scaleY),
      width: hundredths(face.box.width * scaleX),
      height: hundredths(face.box.height * scaleY),
    },
  }));
  return { ...answer, image, faces };
}

/** Whether a file is a JPEG without its end marker. */
async function isCutOff(file) {
  const [begin, end] = await Promise.all([file.slice(0, 3), file.slice(-TAIL_BYTES)].map((part) => part.arrayBuffer()));
  const [soi0, soi1, next] = new Uint8Array(begin);
  const tail = new Uint8Array(end);
  const isJpeg = soi0 === 0xff && soi1 === 0xd8 && next === 0xff;
  return isJpeg && !tail.some((byte, at) => byte === 0xff && tail[at + 1] === 0xd9);
}

/** Transparent parts are laid on white, as the server does; JPEG would make them black. */
function onWhite(canvas) {
  const laid = document.createElement("canvas");
  [laid.width, laid.height] = [canvas.width, canvas.height];
  const context = laid.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, laid.width, laid.height);
  context.drawImage(canvas, 0, 0);
  return laid;
}
