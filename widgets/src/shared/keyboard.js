// Keys of a focused element. A key that does something here goes no further, so no notebook command follows it.

/**
 * @param {KeyboardEvent} event
 * @returns {string} such as "ArrowLeft" or "Shift+ArrowLeft"; Shift is named only with keys that have no character
 */
export function keyName(event) {
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
  return shift + event.key;
}

/**
 * @param {HTMLElement} target
 * @param {Record<string, () => void>} actions by key name
 */
export function listenToKeys(target, actions) {
  target.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[keyName(event)];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
}
