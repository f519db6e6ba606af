/** What the tray shows: a picture with its answer or label, and the heading of a group of pictures. */
import { answerFor, answerOf, answerText, classesFor, counts, fileText, isDoubtful } from "./answers.js";
import { button, html, ifLong, namesOf } from "./html.js";
import { REST } from "./order.js";
import { NONE } from "./piles.js";
import { project } from "./project.js";
import { thumbnail } from "./server.js";
import { actions } from "./tray_actions.js";
import { tray } from "./tray.js";
import { count, inList, percent, say } from "./words.js";

const IN_TWO_LINES = 2; // chips that are surely seen

/** One picture, with buttons to accept its answer or to take another class. */
export function card(picture, { isSelected, isCurrent }) {
  const { several } = project;
  const [label] = project.labelsOf(picture);
  const answer = answerFor(picture);
  const id = label ?? answerOf(answer);
  const name = id ? project.className(id) : say(reasonKey(picture));
  const known = !label && answer && !answer.unfamiliar;
  const unsure = known && !counts(answer, project.minimum);
  const classes = namesOf({
    current: isCurrent,
    stale: !project.upToDate,
    unanswered: !label && !answer,
    unsure,
    unfamiliar: !label && answer?.unfamiliar,
    labelled: label,
    doubted: label && isDoubtful(picture),
    several,
  });
  const states = [`${project.names[picture] ?? ""}:`, unsure && say("below_threshold"), label && say("labelled")];
  // With several labels, chips take the place of the class; the name says only "none of these".
  return html`
    <div class="card ${classes}" id="picture-${picture}" role="gridcell" draggable=${true} data-picture=${picture}
      aria-selected=${isSelected} title=${fileText(picture)}>
      <div class="frame">
        <img alt="" decoding="async" draggable=${false} src=${thumbnail(picture)}>
        <span class="mark" aria-hidden="true"></span>
        <span class="bar" aria-hidden="true" style="--part: ${known ? answer.probability : 0}"></span>
      </div>
      <span class="unseen">${states.filter(Boolean).join(" ")}</span>
      <div class="answer" hidden=${several && id && id !== NONE}>
        <span class="answer-name ${ifLong(name)}" title=${answer && !label ? answerText(answer) : name}>${name}</span>
      </div>
      ${several && chips(picture)}
      <div class="card-actions">
        ${several && numberOfClasses(picture)}
        ${!several && html`<span class="answer-probability">${known && percent(answer.probability)}</span>`}
        ${!several && otherClass(picture, answer, label)}
        <button class="accept" type="button" tabindex="-1" title=${say("accept")} hidden=${!answer || Boolean(label)}
          onclick=${() => actions.accept([picture])}><span class="unseen">${say("accept")}</span></button>
      </div>
    </div>`;
}

/** The reason why a picture has no answer, as a key of the words. */
function reasonKey(picture) {
  if (project.unreadable[picture]) return "unreadable";
  return project.ready ? "reading" : "no_answer";
}

/** A button with the runner-up, the class nearest to a stranger, or what a labelled picture would be. */
function otherClass(picture, answer, label) {
  let [key, id, probability] = ["or", answer?.runner_up, answer?.runner_up_probability];
  if (answer?.unfamiliar) [key, id, probability] = ["nearest", answer.class, answer.probability];
  if (label) [key, id, probability] = ["rather", answerOf(answer), answer?.probability];
  if (!id || label === id) return null;
  const name = project.className(id);
  return html`
    <button class="other" type="button" tabindex="-1" title=${say("put_in", { name })}
      onclick=${() => actions.put(id, [picture])}>
      ${say(key, { name, probability: percent(probability) })}
    </button>`;
}

/** The classes that a picture shows, if they are more than are surely seen. */
function numberOfClasses(picture) {
  const names = pressedOf(picture).map((id) => project.className(id));
  const isCut = names.length > IN_TWO_LINES;
  return html`
    <span class="answer-probability" title=${isCut && inList(names)}>${isCut && say("n_classes", { n: names.length })}</span>`;
}

const pressedOf = (picture) => classesFor(picture).filter((id) => id !== NONE && project.rank.has(id));

/**
 * The classes of a picture that can show several, as buttons that add or take them away: those of
 * its answer, and the ones just below their thresholds; or its labels, and the classes that it
 * shows by the other examples.
 */
function chips(picture) {
  const isLabelled = project.labels.has(picture);
  const { labels, probabilities = {} } = answerFor(picture) ?? {};
  const pressed = pressedOf(picture);
  const others = isLabelled ? (labels ?? []) : Object.keys(probabilities);
  const shown = [...new Set([...pressed, ...others])].filter((id) => project.rank.has(id));
  const chip = (id) => {
    const [isPressed, name] = [pressed.includes(id), project.className(id)];
    const isDoubted = isLabelled && isPressed && labels && !labels.includes(id);
    const probability = isLabelled && isPressed ? undefined : probabilities[id];
    const threshold = say("chip_threshold", { probability: percent(project.thresholds[id] ?? 0) });
    const title = [say(isPressed ? "chip_remove" : "chip_add", { name }), probability !== undefined && threshold];
    return html`
      <button class="chip ${isDoubted && "doubted-label"}" type="button" key=${id} tabindex="-1" aria-pressed=${isPressed}
        title=${title.filter(Boolean).join(" ")} onclick=${() => actions.put(id, [picture])}>
        <span class="chip-name ${ifLong(name)}">${name}</span>
        <span class="chip-probability">${probability !== undefined && percent(probability)}</span>
        ${!isPressed && html`<span class="unseen">${say(isLabelled ? "chip_rather" : "chip_below")}</span>`}
      </button>`;
  };
  return html`<div class="chips" hidden=${!shown.length}>${shown.map(chip)}</div>`;
}

/** The heading of a group of pictures, with buttons for all of them. @param {Group} group */
export function heading({ key, pictures }) {
  const { labels, answers } = project;
  const hidden = !pictures.some((picture) => answers[picture] && !labels.has(picture));
  const more = { class: "quiet", tabindex: -1 };
  return html`
    <div class="group-head" role="gridcell">
      <h3 class="group-title">${titleOf(key)}</h3>
      <span class="muted">${count(pictures.length)}</span>
      ${button("select_all", () => tray.selectPictures(pictures), more)}
      ${button("accept_group", () => actions.accept(pictures), { ...more, hidden })}
    </div>`;
}

function titleOf(key) {
  if (key === REST) return say("group_rest");
  return key in project.names ? say("group_series", { name: project.names[key] }) : project.className(key);
}
