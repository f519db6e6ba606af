/**
 * Which rows of a long grid are to be in the document. Pure functions; lengths in pixels.
 */

/** How many columns of at least `least` wide fit, with `gap` between them: one or more. */
export const columnsIn = (width, least, gap) => Math.max(1, Math.floor((width + gap) / (least + gap)));

/**
 * The first row to show and the one after the last.
 *
 * @param {number} above - how far the top of the grid is above that of the window.
 * @param {number} height - of the window.
 * @param {number} row - height of a row with its gap.
 * @param {number} n - rows of the grid.
 * @param {number} beyond - rows to have ready above and below.
 */
export function visibleRows(above, height, row, n, beyond) {
  const first = Math.floor(above / row) - beyond;
  const end = Math.ceil((above + height) / row) + beyond;
  return [Math.min(Math.max(first, 0), n), Math.min(Math.max(end, 0), n)];
}
