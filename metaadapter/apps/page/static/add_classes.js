/** Adds classes with these names; returns whether the server accepted all of them. */
import { readOut } from "./messages.js";
import { edits } from "./edits.js";
import { say } from "./words.js";

export async function addClasses(project, names) {
  for (const name of names) if (!(await project.change(edits.addClass(name)))) return false;
  readOut(say("class_added", { name: names.join(", ") }));
  return true;
}
