/**
 * Which pictures are chosen: the one that the keyboard is at, and those that are marked.
 *
 * Values are never changed, every function gives a new one: {current, anchor, chosen}, where
 * `current` and `anchor` are pictures or null and `chosen` is a set.
 */

export const NOTHING = { current: null, anchor: null, chosen: new Set() };

/** The pictures that a key or a button acts on: the marked ones, or else the current one. */
export function actedOn(selection, order) {
  if (selection.chosen.size) return order.filter((picture) => selection.chosen.has(picture));
  return selection.current === null ? [] : [selection.current];
}

/** A click on a picture: alone, `toggle` with Ctrl, `extend` with Shift. */
export function clicked(selection, order, picture, { toggle = false, extend = false } = {}) {
  if (extend && selection.anchor !== null) {
    return { ...selection, current: picture, chosen: between(order, selection.anchor, picture) };
  }
  if (!toggle) return { current: picture, anchor: picture, chosen: new Set([picture]) };
  const chosen = new Set(selection.chosen);
  if (!chosen.delete(picture)) chosen.add(picture);
  return { current: picture, anchor: picture, chosen };
}

/** Moves the current picture by some places; `extend` marks what lies between. */
export function moved(selection, order, places, { extend = false } = {}) {
  if (!order.length) return NOTHING;
  const from = order.indexOf(selection.current);
  const to = from < 0 ? 0 : Math.min(Math.max(from + places, 0), order.length - 1);
  const current = order[to];
  if (!extend) return { current, anchor: current, chosen: new Set() };
  const anchor = selection.anchor ?? selection.current ?? current;
  return { current, anchor, chosen: between(order, anchor, current) };
}

/** All of them. */
export const allOf = (selection, order) => ({ ...selection, chosen: new Set(order) });

/**
 * What is left of it when pictures have gone: the current one moves on to the next that is still
 * there, so that one key after the other sorts a whole tray.
 */
export function without(selection, before, after) {
  const there = new Set(after);
  const chosen = new Set([...selection.chosen].filter((picture) => there.has(picture)));
  const anchor = there.has(selection.anchor) ? selection.anchor : null;
  if (selection.current === null || there.has(selection.current)) {
    return { current: selection.current, anchor, chosen };
  }
  const at = before.indexOf(selection.current);
  const next =
    before.slice(at + 1).find((picture) => there.has(picture)) ?? after[after.length - 1] ?? null;
  return { current: next, anchor: null, chosen };
}

function between(order, one, other) {
  const [from, to] = [order.indexOf(one), order.indexOf(other)].sort((a, b) => a - b);
  return new Set(order.slice(Math.max(from, 0), to + 1));
}
