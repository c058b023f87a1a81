// Keeps the keyboard's place.

/** What has the focus must not vanish with it, or a keyboard begins at the top again: hand it on before. */
export function handOnFocus(leaving, next = null) {
  if (leaving.contains(document.activeElement)) (next ?? document.getElementById("main")).focus();
}
