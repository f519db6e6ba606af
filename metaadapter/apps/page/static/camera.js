/** The camera: shows the answer while it runs, and takes pictures into a class. */
import { showDialog } from "./dialog.js";
import { button, create, html, options, render } from "./html.js";
import { readOut } from "./messages.js";
import { predictionBars, predictionText } from "./prediction_bars.js";
import { project } from "./project.js";
import { server } from "./server.js";
import { addFiles } from "./uploads.js";
import { say } from "./words.js";

const MAX_SIDE = 1280; // pixels of a picture that is kept
const ASKED_SIDE = 512; // pixels of a picture that is only asked about; encoders see fewer
const ASKED_EVERY = 250; // milliseconds; a slower server gets fewer pictures, for one is sent at a time
const TAKEN_EVERY = 200; // milliseconds, while the button is held

/** Opens the camera; pictures go to the chosen class: at first `target`, or with "" the tray. */
export async function openCamera(target) {
  let status = say("camera_waiting");
  let stream = null;
  let [cameras, device] = [[], ""];
  const video = create(html`<video autoplay playsinline></video>`);
  video.muted = true;
  const shoot = create(html`<button class="primary shoot" type="button" disabled>${say("camera_shoot")}</button>`);
  const live = create(html`<div class="live-answer"></div>`);
  const closed = new AbortController();
  const tell = (text) => {
    status = text;
    dialog.refresh();
  };
  const list = (key, value, pairs, onchange, hidden = false) => html`
    <label hidden=${hidden}><span>${say(key)}</span><select value=${value} onchange=${onchange}>${options(pairs)}</select></label>`;
  const view = () => {
    const classes = [...project.classes.map(({ id, name }) => [id, name]), ["", say("tray_title")]];
    return html`
      ${video}
      ${shoot}
      ${live}
      <div class="camera-choices">
        ${list("camera_class", target, classes, (event) => (target = event.target.value))}
        ${list("camera", device, cameras, (event) => start(event.target.value), cameras.length < 2)}
      </div>
      <p role="status">${status}</p>
      ${button("phone_use", () => dialog.close() || showPhone(), { class: "quiet" })}`;
  };
  const start = async (wanted) => {
    end(stream);
    shoot.disabled = true; // until the video has a picture
    const opened = await streamOf(wanted).catch(({ name }) => {
      tell(say(name === "NotAllowedError" ? "camera_refused" : "camera_none"));
      return null;
    });
    end(stream); // another choice of a camera may have been faster
    stream = opened;
    if (!dialog.isConnected) end(stream);
    video.srcObject = stream;
    if (!stream) return;
    const devices = await navigator.mediaDevices.enumerateDevices(); // their names are known now
    cameras = devices.filter(({ kind }) => kind === "videoinput").map(({ deviceId, label }) => [deviceId, label]);
    device = stream.getVideoTracks()[0].getSettings().deviceId;
    tell(say("camera_ready"));
  };
  video.addEventListener("loadedmetadata", () => {
    shoot.disabled = false;
    if (dialog.contains(document.activeElement) && !document.activeElement.matches("select")) shoot.focus();
  });
  const dialog = showDialog(() => say("camera"), view, "camera-dialog");
  dialog.focus(); // until the video has a picture
  const stopTaking = takeWhileHeld(shoot, dialog, {
    take: () => photograph(video, MAX_SIDE, 0.92),
    add: (files) => addFiles({ files, folders: [] }, target),
    count: (n) => tell(say("camera_taken", { n })),
    done: () => readOut(status),
  });
  dialog.addEventListener("close", () => {
    stopTaking();
    closed.abort();
    end(stream);
  });
  showAnswers(video, live, closed.signal);
  await start("");
}

/** Shows the answer for a video several times a second, until the signal; no picture is kept. */
async function showAnswers(video, node, signal) {
  const show = (text, bars) => render(node, html`<p>${text}</p>${bars}`);
  const ask = async () => {
    const { predictions } = await server.predictNow(await photograph(video, ASKED_SIDE, 0.8), signal);
    const [prediction] = predictions;
    const names = project.classes.map(({ name }) => name);
    if (prediction) show(predictionText(prediction), predictionBars(prediction, names));
  };
  while (!signal.aborted) {
    const pause = new Promise((resume) => setTimeout(resume, ASKED_EVERY));
    if (!project.ready) show(say("camera_no_answer"));
    else if (video.videoWidth && !document.hidden)
      await ask().catch(({ name, message }) => name !== "AbortError" && show(message));
    await pause;
  }
}

/**
 * Lets a button take one picture when it is pressed, and more while it, or Space, is held.
 *
 * @param {HTMLElement} area - Space counts here, except in lists and on other buttons.
 * @param {{take: function(): Promise<File>, add: function(Object[]): Promise, count: function(number),
 *   done: function()}} actions - `count` gets the number of pictures so far.
 * @returns {function()} ends what is held; the pictures so far are sent.
 */
function takeWhileHeld(node, area, { take, add, count, done }) {
  let [timer, n] = [0, 0];
  const taken = []; // since the button is held: they are added as one edit
  const shoot = () => {
    count((n += 1));
    taken.push(take());
  };
  const begin = () => {
    if (node.disabled || timer) return;
    timer = setInterval(shoot, TAKEN_EVERY);
    shoot();
  };
  const stop = async () => {
    if (!timer) return;
    clearInterval(timer);
    timer = 0;
    done();
    const files = await Promise.all(taken.splice(0));
    await add(files.map((file) => ({ file, path: file.name })));
  };
  const onSpace = (act) => (event) => {
    if (event.key !== " " || (event.target.closest("select, button") ?? node) !== node) return;
    event.preventDefault();
    if (!event.repeat) act();
  };
  node.addEventListener("pointerdown", ({ button: pressed, pointerId }) => {
    if (pressed !== 0) return;
    node.setPointerCapture(pointerId); // the pointer stays with the button, wherever it is moved
    begin();
  });
  for (const kind of ["pointerup", "pointercancel", "pointerleave", "blur"]) node.addEventListener(kind, stop);
  // A click without a pointer comes from the Enter key or from a screen reader.
  node.addEventListener("click", ({ detail }) => {
    if (detail !== 0 || timer) return;
    begin();
    stop();
  });
  area.addEventListener("keydown", onSpace(begin));
  area.addEventListener("keyup", onSpace(stop));
  return stop;
}

const end = (stream) => stream?.getTracks().forEach((track) => track.stop());

/** The stream of a camera; with "" of the one at the back, if there is one. */
async function streamOf(device) {
  if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
  const video = device ? { deviceId: { exact: device } } : { facingMode: "environment" };
  return navigator.mediaDevices.getUserMedia({ video });
}

/**
 * The picture that a video shows now, as a JPEG file.
 *
 * @param {HTMLVideoElement} video
 * @param {number} side - the most pixels of a side.
 * @param {number} quality - of JPEG, up to 1.
 */
async function photograph(video, side, quality) {
  const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
  const [width, height] = [video.videoWidth, video.videoHeight].map((length) => Math.round(length * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(video, 0, 0, width, height);
  const time = new Date().toISOString().replace(/[:.]/g, "-");
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
  return new File([blob], `camera-${time}.jpg`, { type: "image/jpeg" });
}

/** Leads a phone in the same network to its own page, by a code to scan. */
async function showPhone() {
  const { address } = await server.phone().catch(() => ({}));
  const code = () => html`
    <p>${say("phone_scan")}</p>
    <img class="code" src="/phone/code.svg" alt=${say("phone_code")}>
    <p class="path">${address}</p>
    <p class="wrong">${say("phone_warning")}</p>`;
  showDialog(() => say("phone_title"), address ? code : () => html`<p>${say("phone_off")}</p>`);
}
