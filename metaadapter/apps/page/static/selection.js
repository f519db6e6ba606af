/**
 * The selection: the current picture, which keys act on, and the selected pictures.
 *
 * Every function returns a new value {current, anchor, selected}, where `current` and `anchor` are
 * pictures or null and `selected` is a set.
 */

export const NOTHING = { current: null, anchor: null, selected: new Set() };

/** The pictures that a key or button acts on: the selected ones, or without them the current one. */
export function actedOn(selection, order) {
  if (selection.selected.size) return order.filter((picture) => selection.selected.has(picture));
  return selection.current === null ? [] : [selection.current];
}

/** The selection after a click: `toggle` with Ctrl, `extend` with Shift. */
export function clicked(selection, order, picture, { toggle = false, extend = false } = {}) {
  if (extend && selection.anchor !== null) {
    return { ...selection, current: picture, selected: between(order, selection.anchor, picture) };
  }
  if (!toggle) return { current: picture, anchor: picture, selected: new Set([picture]) };
  const selected = new Set(selection.selected);
  if (!selected.delete(picture)) selected.add(picture);
  return { current: picture, anchor: picture, selected };
}

/** The selection after moving by some places; `extend` also selects the pictures between. */
export function moved(selection, order, places, { extend = false } = {}) {
  if (!order.length) return NOTHING;
  const from = order.indexOf(selection.current);
  const to = from < 0 ? 0 : Math.min(Math.max(from + places, 0), order.length - 1);
  const current = order[to];
  if (!extend) return { current, anchor: current, selected: new Set() };
  const anchor = selection.anchor ?? selection.current ?? current;
  return { current, anchor, selected: between(order, anchor, current) };
}

/**
 * The selection after pictures have left the tray. If the current picture left, the next remaining
 * one becomes current, so that a person can sort a whole tray with one key per picture.
 */
export function without(selection, before, after) {
  const left = new Set(after);
  const selected = new Set([...selection.selected].filter((picture) => left.has(picture)));
  const anchor = left.has(selection.anchor) ? selection.anchor : null;
  if (selection.current === null || left.has(selection.current)) {
    return { current: selection.current, anchor, selected };
  }
  const place = before.indexOf(selection.current);
  const next =
    before.slice(place + 1).find((picture) => left.has(picture)) ?? after[after.length - 1] ?? null;
  return { current: next, anchor: null, selected };
}

function between(order, one, other) {
  const [from, to] = [order.indexOf(one), order.indexOf(other)].sort((a, b) => a - b);
  return new Set(order.slice(Math.max(from, 0), to + 1));
}
