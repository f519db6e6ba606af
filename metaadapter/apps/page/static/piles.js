/**
 * Where the pictures of a project lie: in its classes, in none of them, or in the tray.
 *
 * Pure functions of {classes, tray, none}. With several labels a picture lies in several classes.
 */
import { NONE } from "./none.js";

/** picture → the ids of its classes, or NONE alone; only of the pictures that have a label. */
export function labelsIn({ classes, none }) {
  const labels = new Map(none.map((picture) => [picture, [NONE]]));
  for (const { id, pictures } of classes)
    for (const picture of pictures) labels.set(picture, [...(labels.get(picture) ?? []), id]);
  return labels;
}

/**
 * The piles after pictures have got labels.
 *
 * @param {Object} labels - picture → id of a class, NONE, null for the tray, or a list of classes.
 */
export function labelled(piles, labels) {
  const rest = withoutPictures(piles, new Set(Object.keys(labels)));
  const lists = new Map(rest.classes.map(({ id, pictures }) => [id, pictures]));
  lists.set(NONE, rest.none);
  for (const [picture, label] of Object.entries(labels))
    for (const id of idsOf(label)) (lists.get(id) ?? rest.tray).push(picture);
  return rest;
}

/** The piles without some pictures. */
export function withoutPictures({ classes, tray, none }, pictures) {
  const rest = (all) => all.filter((picture) => !pictures.has(picture));
  return {
    classes: classes.map((entry) => ({ ...entry, pictures: rest(entry.pictures) })),
    tray: rest(tray),
    none: rest(none),
  };
}

const idsOf = (label) => (Array.isArray(label) ? (label.length ? label : [NONE]) : [label]);
