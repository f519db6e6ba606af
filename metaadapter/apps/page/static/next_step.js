/**
 * Returns the next step for a person, as a key of the words and their values. A pure function.
 *
 * @param {{classes: {name: string, pictures: string[]}[], tray: string[]}} project
 * @param {boolean} answered - whether pictures of the tray have answers.
 */
export function nextStep({ classes, tray }, answered) {
  if (!classes.length) return { key: "next_first_class" };
  if (classes.length === 1) return { key: "next_second_class", name: classes[0].name };
  const empty = classes.filter(({ pictures }) => !pictures.length);
  if (empty.length) return { key: "next_pictures", name: empty[0].name };
  if (!tray.length) return { key: "next_tray" };
  return { key: answered ? "next_correct" : "next_wait" };
}
