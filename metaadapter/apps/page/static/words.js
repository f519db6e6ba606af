/**
 * The words of the page in the reader's language.
 *
 * To add a language, add a file like `words.en.js` with the same keys, and its code to LANGUAGES.
 */
import { words as english } from "./words.en.js";

const LANGUAGES = { en: english };

const language =
  navigator.languages.map((code) => code.split("-")[0]).find((code) => code in LANGUAGES) ?? "en";
const plural = new Intl.PluralRules(language);
const number = new Intl.NumberFormat(language);
const percentage = new Intl.NumberFormat(language, { style: "percent" });

/**
 * The text of a key, with `{name}` replaced by values.name.
 *
 * If a text has forms for one and for other numbers, `values.n` chooses the form.
 */
export function say(key, values = {}) {
  const entry = LANGUAGES[language][key];
  if (entry === undefined) throw new Error(`there are no words for "${key}"`);
  const text = typeof entry === "string" ? entry : (entry[plural.select(values.n)] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number.format(value) : String(value);
  });
}

/** A number as text. */
export const count = (n) => number.format(n);

/** A fraction from 0 to 1 as text: 100 % only for 1, and 0 % only for 0. */
export function percent(fraction) {
  if (fraction > 0 && fraction < 0.005) return `<${percentage.format(0.01)}`;
  return percentage.format(fraction < 1 ? Math.min(fraction, 0.99) : 1);
}

/** A number of seconds as text. */
export function duration(seconds) {
  if (seconds < 60) return say("seconds", { n: Math.max(1, Math.round(seconds)) });
  return say("minutes", { n: Math.round(seconds / 60) });
}

/** Fills in the words of a document: `data-words` is the key of a text, `data-words-title` of a title. */
export function fillIn(root) {
  document.documentElement.lang = language;
  for (const node of root.querySelectorAll("[data-words]")) node.textContent = say(node.dataset.words);
  for (const [data, attribute] of [
    ["words-label", "aria-label"],
    ["words-title", "title"],
    ["words-placeholder", "placeholder"],
  ])
    for (const node of root.querySelectorAll(`[data-${data}]`))
      node.setAttribute(attribute, say(node.getAttribute(`data-${data}`)));
}
