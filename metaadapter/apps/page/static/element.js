/**
 * Makes an element. Texts from people and from the server are added as text, never as markup.
 *
 * @param {string} tag - `div`, or with classes `div.card.wide`.
 * @param {Object} properties - `onclick` and the like are listeners; a property that the element
 *   has is set as such, any other as an attribute; undefined values are skipped.
 * @param {...(Node|string|null|Array)} children
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  node.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const LONG = 26; // letters

/** Sets text only if it changes, so that a screen reader does not read the same text again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets the name of a class; a long one is smaller, so that two lines show the whole. */
export function setName(node, name) {
  setText(node, name);
  node.classList.toggle("long", name.length > LONG);
}

/** Sets the children of a node; children that are already in place keep the focus. */
export function setChildren(node, children) {
  const wanted = new Set(children);
  for (const child of [...node.childNodes]) if (!wanted.has(child)) child.remove();
  let next = node.firstChild;
  for (const child of children) {
    if (child === next) next = next.nextSibling;
    else node.insertBefore(child, next);
  }
}

export const byId = (id) => document.getElementById(id);
