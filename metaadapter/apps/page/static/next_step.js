/**
 * Returns the next step for a person, as a key of the words and their values. A pure function.
 *
 * @param {{classes: {name: string, pictures: string[]}[], tray: string[], several: boolean}} project
 * @param {boolean} answered - whether pictures of the tray have answers.
 */
export function nextStep({ classes, tray, several }, answered) {
  if (!classes.length) return { key: "next_first_class" };
  if (classes.length === 1) return { key: "next_second_class", name: classes[0].name };
  const empty = classes.filter(({ pictures }) => !pictures.length);
  if (empty.length) return { key: "next_pictures", name: empty[0].name };
  if (!tray.length) return { key: "next_tray" };
  if (!answered) return { key: "next_wait" };
  return { key: several ? "next_correct_several" : "next_correct" };
}
