// Asks Mien for the faces of pictures: node mien.mjs http://127.0.0.1:8000 a.jpg b.jpg (Node 18 or newer).
// In a page: import { detect } from "./mien.mjs"; then await detect(server, input.files[0]).
export async function detect(server, picture) {
  const response = await fetch(`${server}/detect`, { method: "POST", body: picture });
  return response.json(); // what was found; or a problem, which has a code and a detail (RFC 9457)
}

if (globalThis.process?.argv[1]?.endsWith("mien.mjs")) {
  const { readFile } = await import("node:fs/promises");
  const [server, ...files] = process.argv.slice(2);
  for (const file of files) {
    const answer = await detect(server, new Blob([await readFile(file)]));
    if (answer.code) console.log([file, answer.code, answer.detail].join("\t"));
    for (const face of answer.faces ?? []) console.log([file, face.emotion, face.confidence.toFixed(2)].join("\t"));
  }
}
