/**
 * The rows of the tray: one for each heading, then its pictures. Pure functions; lengths in pixels.
 *
 * @typedef {{key: ?string, pictures: string[]}} Group - without a key it has no heading.
 * @typedef {{top: number, group: number, from: number, to: number}} Row - the pictures at the places
 *   from `from` to before `to`; a heading has none.
 */

/** The number of columns, at least one, that are at least `least` wide with `gap` between them. */
export const columnsIn = (width, least, gap) => Math.max(1, Math.floor((width + gap) / (least + gap)));

/** Returns {rows, height} of groups; `row` and `heading` are the heights with their gaps. */
export function rowsOf(groups, columns, row, heading) {
  const rows = [];
  let [top, place] = [0, 0];
  groups.forEach(({ key, pictures }, group) => {
    if (key !== null) {
      rows.push({ top, group, from: place, to: place });
      top += heading;
    }
    for (const end = place + pictures.length; place < end; top += row) {
      const to = Math.min(place + columns, end);
      rows.push({ top, group, from: place, to });
      place = to;
    }
  });
  return { rows, height: top };
}

/** The numbers of the first row within a window and of the row after the last one. */
export function visibleRows(rows, above, height, extra) {
  const first = Math.max(firstAfter(rows, ({ top }) => top > above) - 1 - extra, 0);
  const end = firstAfter(rows, ({ top }) => top >= above + height) + extra;
  return [first, Math.max(first, Math.min(end, rows.length))];
}

/** The number of the row that holds the picture at a place. */
export const rowOf = (rows, place) => firstAfter(rows, ({ to }) => to > place);

/** The place some rows of pictures below another place, in the same column where there is one. */
export function placeBelow(rows, place, n) {
  const start = rowOf(rows, place);
  const column = place - rows[start].from;
  let [number, left] = [start, Math.abs(n)];
  for (let next = start; left > 0; ) {
    next += Math.sign(n);
    if (!rows[next]) break;
    if (rows[next].from === rows[next].to) continue; // a heading
    number = next;
    left -= 1;
  }
  return Math.min(rows[number].from + column, rows[number].to - 1);
}

/** The number of the first row with a property that all later rows have too. */
function firstAfter(rows, has) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (has(rows[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
