// Keeps the keyboard focus in place.

/** Hand on the focus before its element vanishes, or the keyboard starts at the top again. */
export function handOnFocus(leaving, next = null) {
  if (leaving.contains(document.activeElement)) (next ?? document.getElementById("main")).focus();
}

/** Hide an element. */
export function hide(element) {
  handOnFocus(element);
  element.hidden = true;
}
