// What a video element says of its file.

const FAR_S = 1e7; // seeking there makes a browser find the end of a film that does not state its length

/** Whether a browser can show it; resolves once that is known. */
export function hasPicture(video, signal) {
  return new Promise((resolve) => {
    video.addEventListener("loadedmetadata", () => resolve(video.videoWidth > 0), { signal, once: true });
    video.addEventListener("error", () => resolve(false), { signal, once: true });
    signal.addEventListener("abort", () => resolve(false));
  });
}

/** Its length in seconds. Some recorders write no length: the browser finds it when it is sent to the end. */
export async function durationOf(video, signal) {
  if (Number.isFinite(video.duration)) return video.duration;
  await new Promise((resolve) => {
    video.addEventListener("seeked", resolve, { signal, once: true });
    signal.addEventListener("abort", resolve);
    video.currentTime = FAR_S;
  });
  const durationS = Number.isFinite(video.duration) ? video.duration : video.currentTime;
  video.currentTime = 0;
  return durationS;
}
