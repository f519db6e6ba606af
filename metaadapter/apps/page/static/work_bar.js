/** The progress of uploads and of reading, with its speed and the time left; an upload can be stopped. */
import { button, byId, html, render } from "./html.js";
import { clearErrors, readOut, showError } from "./messages.js";
import { project } from "./project.js";
import { count, duration, percent, say, sayOf } from "./words.js";

let upload = null; // the one in progress
let next = []; // names of detectors' files that wait for the upload
let error = null; // the one that was shown last

/** @param {?Upload} given - the one in progress. */
export function showUpload(given) {
  upload = given;
  showWork();
}

/** @param {string[]} names - of the detectors' files that wait for the upload. */
export function showNext(names) {
  next = names;
  showWork();
}

export function showWork() {
  const { work } = project;
  const bar = byId("work");
  const wasHidden = bar.hidden;
  const { done, total, seconds_left: left } = upload ?? work;
  bar.hidden = !upload && !work.busy;
  const title = project.name ? `${project.name} – metaadapter` : "metaadapter";
  document.title = bar.hidden ? title : `${typeof left === "number" ? duration(left) : percent(done / (total || 1))} · ${title}`;
  if (!bar.hidden) {
    const message = messageOf(work);
    render(bar, html`
      <p id="work-text">${message}</p>
      <progress aria-labelledby="work-text" max=${total || 1} value=${done}></progress>
      <p class="muted">${speedOf(upload ?? work)}</p>
      ${upload && button("stop", () => upload.stop())}`);
    if (wasHidden) readOut(message);
  }
  if (!work.error) clearErrors("work");
  else if (work.error !== error) showError(sayOf(work, work.error), "work");
  error = work.error;
}

function messageOf({ done, total }) {
  if (!upload) return say("working", { done, total });
  return `${say("uploading", { n: upload.files.length })} ${next.length ? say("uploading_then", { names: next }) : ""}`.trim();
}

function speedOf({ per_second: speed, seconds_left }) {
  return [
    speed ? say("per_second", { speed: count(speed < 10 ? Math.round(speed * 10) / 10 : Math.round(speed)) }) : "",
    typeof seconds_left === "number" ? say("time_left", { left: duration(seconds_left) }) : "",
  ].filter(Boolean).join(" · ");
}
