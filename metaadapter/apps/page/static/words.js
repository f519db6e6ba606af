/**
 * The words of the page in the reader's language.
 *
 * To add a language, add a file like `words.de.json` with the same keys, and its name to `languages`.
 * The sentences and reasons of the server are English, and have translations in other languages.
 */
import { keep, kept } from "./storage.js";

/** The codes of the languages and their own names. */
export const languages = { en: "English", de: "Deutsch" };

/** The code of the language: the chosen one, or else the browser's. */
export const language =
  [kept("language", ""), ...navigator.languages].map((code) => code.split("-")[0]).find((code) => code in languages) ?? "en";
const { words, sentences, reasons } = await (await fetch(`/page/words.${language}.json`)).json();
const plural = new Intl.PluralRules(language);
const number = new Intl.NumberFormat(language);
const percentage = new Intl.NumberFormat(language, { style: "percent" });
const list = new Intl.ListFormat(language);

/** Keeps a choice of language, and loads the page again in it. */
export function choose(code) {
  keep("language", code);
  location.reload();
}

/**
 * The text of a key, with `{name}` replaced by values.name.
 *
 * `[picture|pictures]` has the forms for one and for other numbers; `values.n` chooses.
 */
export function say(key, values = {}) {
  if (words[key] === undefined) throw new Error(`there are no words for "${key}"`);
  return filled(words[key], values);
}

/**
 * A sentence of the server in the reader's language: by its kind, or else the English sentence.
 *
 * @param {{kind: string, values: Object}} wording - of a refusal, of advice or of an edit.
 * @param {string} sentence - in English.
 */
export function sayOf({ kind, values }, sentence) {
  const entry = sentences[kind];
  return entry === undefined ? sentence : filled(entry, { ...values, error: sentence });
}

/** The reason why a file cannot be read, as part of a sentence. */
export function reason(text) {
  for (const [template, translated] of Object.entries(reasons)) {
    const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const pattern = template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\w+\}/g, "(.+)");
    const match = new RegExp(`^${pattern}$`).exec(text);
    if (!match) continue;
    const values = names.map((name, at) => [name, name === "reason" ? reason(match[at + 1]) : numeral(match[at + 1])]);
    return filled(translated, Object.fromEntries(values));
  }
  return text;
}

/** A number in English digits as a number, any other text as it is. */
const numeral = (text) => (/^\d{1,3}(,\d{3})*$/.test(text) ? Number(text.replaceAll(",", "")) : text);

function filled(template, values) {
  const isOne = plural.select(values.n) === "one";
  const text = template.replace(/\[([^|\]]*)\|([^\]]*)\]/g, (_, one, others) => (isOne ? one : others));
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    if (Array.isArray(value)) return list.format(value.map((item) => say("quoted", { name: item })));
    return typeof value === "number" ? number.format(value) : String(value);
  });
}

/** Texts as one, with "and" before the last. */
export const inList = (texts) => list.format(texts);

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

const ATTRIBUTES = { "words-label": "aria-label", "words-title": "title", "words-placeholder": "placeholder" };

/** Fills in the words of a document: `data-words` is the key of a text, `data-words-title` of a title. */
export function fillIn(root) {
  document.documentElement.lang = language;
  for (const node of root.querySelectorAll("[data-words]")) node.textContent = say(node.dataset.words);
  for (const [data, attribute] of Object.entries(ATTRIBUTES))
    for (const node of root.querySelectorAll(`[data-${data}]`))
      node.setAttribute(attribute, say(node.getAttribute(`data-${data}`)));
}
