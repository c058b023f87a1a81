// Pictures that come with the page; samples/TERMS.txt says where they are from.
import { Failure } from "./failure.js";

/**
 * Let the sample buttons open their pictures.
 *
 * @param {(file: File) => void} onOpen
 * @param {(failure: Failure) => void} onFailure
 */
export function offerSamples(onOpen, onFailure) {
  for (const button of document.querySelectorAll("[data-sample]")) {
    button.addEventListener("click", async () => {
      const name = `${button.dataset.sample}.jpg`;
      const answer = await fetch(`web/samples/${name}`).catch(() => null);
      if (!answer?.ok) return onFailure(new Failure("lost"));
      return onOpen(new File([await answer.blob()], name, { type: "image/jpeg" }));
    });
  }
}
