/** What keys do wherever pictures are sorted: in the tray, and in the dialogs of pictures and frames. */
import { NONE } from "./piles.js";
import { project } from "./project.js";

const ACTIONS = {
  Enter: "accept",
  Delete: "remove",
  Backspace: "remove",
  b: "takeBack",
  c: "chooseClass",
  "/": "chooseClass",
  "?": "showKeys",
};

/** The name of the key of an event: a letter is small, also under Caps Lock. */
export const keyOf = ({ key }) => (key.length === 1 ? key.toLowerCase() : key);

/** Whether an event repeats a key that should act once; arrows and pages may repeat. */
export const repeatsInVain = ({ repeat, key }) => repeat && !/^(Arrow|Page)/.test(key);

/**
 * The action of a key, if it has one.
 *
 * @param {Object} actions - `put`, which takes the id of a class or NONE, those of ACTIONS, and more
 *   by the names of their keys.
 */
export function actionOf(event, actions) {
  const key = keyOf(event);
  if (key === "0") return () => actions.put(NONE);
  if (/^[1-9]$/.test(key)) return () => actions.put(project.classes.find(({ place }) => place === key - 1)?.id);
  const name = ACTIONS[key] ?? key;
  return actions[name] && (() => actions[name]());
}
