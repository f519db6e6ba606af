/** Adds classes with these names; returns whether all of them are free. */
import { isSameName } from "./class_search.js";
import { readOut } from "./messages.js";
import { say } from "./words.js";

export async function addClasses(project, names) {
  const known = project.classes.map(({ name }) => name);
  const areFree = names.every((name, at) => ![...known, ...names.slice(0, at)].some((other) => isSameName(other, name)));
  const made = names.map((name) => project.addClass(name));
  if (!areFree) return (await Promise.all(made)).every(Boolean); // the server says why not
  readOut(say("class_added", { name: names.join(", ") }));
  return true;
}
