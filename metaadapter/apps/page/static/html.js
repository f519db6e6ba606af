/**
 * Parts of the page as templates of HTML; `render` changes the document to what they describe.
 *
 * A node that stays keeps its focus, its place of scrolling and its state. Values are filled in as
 * texts and properties, never as markup.
 */
import { say } from "./words.js";

const HOLE = "\u0001"; // stands around the number of a value
const TOKEN = /<(\/?)([\w-]+)((?:\s+[^\s"=>]+(?:=(?:"[^"]*"|[^\s">]+))?)*)\s*>|[^<]+/g;
const ATTRIBUTE = /([^\s"=>]+)(?:=(?:"([^"]*)"|([^\s">]+)))?/g;
const VOID = ["br", "img", "input"];

const templates = new WeakMap(); // strings of a template → its elements and texts
const described = new WeakMap(); // node → its description

/**
 * Describes elements. `key` tells an element from its siblings, `onclick` and the like are functions,
 * `initial` is the first value of a field, `...${properties}` gives several attributes; an attribute
 * that is false or undefined is left out. Children are descriptions, nodes, texts, or lists of these.
 */
export function html(strings, ...values) {
  if (!templates.has(strings)) templates.set(strings, parsed(strings));
  const described = templates.get(strings).map((part) => filledIn(part, values));
  return described.length === 1 ? described[0] : described;
}

function parsed(strings) {
  const source = strings.reduce((all, part, place) => `${all}${HOLE}${place - 1}${HOLE}${part}`);
  const open = [{ children: [] }];
  for (const [text, end, tag, attributes] of source.matchAll(TOKEN)) {
    const { children } = open.at(-1);
    if (end) open.pop();
    else if (tag) {
      const pairs = [...attributes.matchAll(ATTRIBUTE)].map(([, name, quoted, bare]) => [name, quoted ?? bare]);
      children.push({ tag, attributes: pairs, children: [] });
      if (!VOID.includes(tag)) open.push(children.at(-1));
    } else {
      const pieces = text.split(/(\u0001\d+\u0001)/).map((piece) => piece.replace(/\s*\n\s*/g, ""));
      children.push(...pieces.filter(Boolean));
    }
  }
  return open[0].children;
}

function filledIn(part, values) {
  if (!part.tag) return valueOf(part, values);
  const properties = {};
  for (const [name, text] of part.attributes)
    if (name.startsWith("...")) Object.assign(properties, valueOf(name.slice(3), values));
    else properties[name] = text === undefined ? true : valueOf(text, values);
  return { part, properties, children: part.children.map((child) => filledIn(child, values)) };
}

function valueOf(text, values) {
  const pieces = text.split(HOLE);
  if (pieces.length === 3 && !pieces[0] && !pieces[2]) return values[pieces[1]];
  const filled = pieces.map((piece, place) => (place % 2 ? values[piece] : piece));
  return filled.filter((one) => !isNothing(one)).join("").trim();
}

const isNothing = (value) => value === undefined || value === null || value === false || value === "";

/** A button with the words of a key, and perhaps the key of the keyboard that does the same. */
export const button = (words, onclick, { shortcut, ...properties } = {}) => html`
  <button type="button" key=${words} onclick=${onclick} ...${properties}>
    ${say(words)}${shortcut && html`<kbd aria-hidden="true">${shortcut}</kbd>`}
  </button>`;

/** The options of a list to choose from; a changed text is a new option, for the list has its width by it. */
export const options = (pairs) =>
  pairs.map(([value, text]) => html`<option key=${`${value} ${text}`} value=${value}>${text}</option>`);

/** The names of classes that hold: `namesOf({ open: true })` is "open". */
export const namesOf = (classes) => Object.keys(classes).filter((name) => classes[name]).join(" ");

/** Makes a node of a description. */
export function create(description) {
  if (description instanceof Node) return description;
  if (!description.part) return document.createTextNode(description);
  return update(document.createElement(description.part.tag), description);
}

/** Changes a node to a description of the same element. */
export function update(node, description) {
  const before = described.get(node)?.properties ?? {};
  const { properties, children } = description;
  described.set(node, description);
  for (const name of Object.keys({ ...before, ...properties }))
    if (name === "checked" || !Object.is(before[name], properties[name])) set(node, name, properties[name]);
  render(node, children);
  // A list has its value only once it has its options; a field keeps what a person is writing.
  const { value } = properties;
  const isWritten = document.activeElement === node && node.matches("input:not([type=range])");
  if (value !== undefined && !isWritten && node.value !== String(value)) node.value = value;
  return node;
}

function set(node, name, value) {
  if (name === "key" || name === "value") return;
  if (name.startsWith("on")) node[name] = value ?? null;
  else if (name === "checked") node.checked = value;
  else if (name === "initial") node.defaultValue = value;
  else if (name === "style") node.style.cssText = value;
  else if (value !== undefined && /^(aria-|draggable)/.test(name)) node.setAttribute(name, String(value));
  else if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

/** Makes the children of a node what is described; children that stay in place keep the focus. */
export function render(node, ...children) {
  const wanted = children.flat(Infinity).filter((child) => !isNothing(child));
  const given = new Set(wanted);
  const there = [...node.childNodes].filter((child) => !given.has(child));
  const nodes = wanted.map((child) => {
    if (child instanceof Node) return child;
    const place = there.findIndex((old) => isSame(old, child));
    if (place < 0) return create(child);
    const [old] = there.splice(place, 1);
    if (child.part) update(old, child);
    else if (old.data !== String(child)) old.data = child; // a screen reader reads each change
    return old;
  });
  for (const old of there) old.remove();
  nodes.forEach((child, place) => {
    if (node.childNodes[place] !== child) node.insertBefore(child, node.childNodes[place] ?? null);
  });
}

function isSame(node, child) {
  if (!child.part) return node.nodeType === Node.TEXT_NODE;
  const { part, properties } = described.get(node) ?? {};
  return part === child.part && properties.key === child.properties.key;
}

const LONG = 26; // letters

/** The class of a name that is so long that it has to be smaller, so that two lines show the whole. */
export const ifLong = (name) => (name.length > LONG ? "long" : "");

export const byId = (id) => document.getElementById(id);
