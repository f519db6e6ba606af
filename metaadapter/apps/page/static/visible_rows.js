/**
 * The rows of a long grid that are in the document. Pure functions; lengths are in pixels.
 */

/** The number of columns, at least one, that are at least `least` wide with `gap` between them. */
export const columnsIn = (width, least, gap) => Math.max(1, Math.floor((width + gap) / (least + gap)));

/**
 * Returns the first row to show, and the row after the last one to show.
 *
 * @param {number} above - the distance from the top of the grid down to the top of the window.
 * @param {number} height - of the window.
 * @param {number} row - the height of a row with its gap.
 * @param {number} n - the number of rows of the grid.
 * @param {number} extra - the number of rows to have ready above and below.
 */
export function visibleRows(above, height, row, n, extra) {
  const first = Math.floor(above / row) - extra;
  const end = Math.ceil((above + height) / row) + extra;
  return [Math.min(Math.max(first, 0), n), Math.min(Math.max(end, 0), n)];
}
