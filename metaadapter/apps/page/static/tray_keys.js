/** The keys of the tray, which work only while it has the focus. */

/** @param {HTMLElement} node @param tray - a Tray. */
export function listenToKeys(node, tray) {
  node.addEventListener("keydown", (event) => {
    const action = actionOf(event, tray);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function actionOf(event, tray) {
  const { key, shiftKey: extend } = event;
  const withControl = event.ctrlKey || event.metaKey;
  if (event.altKey || event.repeat && !key.startsWith("Arrow") && !key.startsWith("Page")) return null;
  if (withControl) return key.toLowerCase() === "a" ? () => tray.selectAll() : null;
  if (/^[1-9]$/.test(key)) return () => tray.putInto(Number(key) - 1);
  const places = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -tray.columns,
    ArrowDown: tray.columns,
    PageUp: -tray.columns * tray.rowsInWindow,
    PageDown: tray.columns * tray.rowsInWindow,
    Home: -tray.size,
    End: tray.size,
  }[key];
  if (places !== undefined) return () => tray.move(places, { extend });
  return {
    Enter: () => tray.accept(),
    " ": () => tray.toggle(),
    Delete: () => tray.remove(),
    Backspace: () => tray.remove(),
    Escape: () => tray.selectNone(),
    v: () => tray.enlarge(),
  }[key];
}
