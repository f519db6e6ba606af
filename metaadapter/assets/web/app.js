// Labels pictures in the browser with the adapter beside this file; no picture leaves the page.
import * as ort from "./runtime/ort.wasm.bundle.min.mjs";

// Larger pictures are made smaller first: the answers hardly move, and it takes a tenth of the time.
const LONGEST_SIDE = 1024;
const LONGEST_SIDE_OF_VIDEO = 512;
const PAUSE = 100; // milliseconds, in which the browser shows the video and takes clicks
const SHOWN = 3;
const NONE = "none of these";
const byId = (id) => document.getElementById(id);
const [status, drop, input, answers] = ["status", "drop", "pictures", "answers"].map(byId);
const [camera, dialog, video, notice, live] = ["camera", "camera-dialog", "video", "camera-status", "live"].map(byId);

function make(tag, text, ...children) {
  const element = document.createElement(tag);
  if (text !== null) element.textContent = text;
  element.append(...children);
  return element;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** A file or the frame of a video as the input of the classifier. */
async function decode(source, side) {
  // Upright, and the numbers of the file as they are, without its colour profile.
  const bitmap = await createImageBitmap(source, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(scale * bitmap.width));
  const height = Math.max(1, Math.round(scale * bitmap.height));
  const canvas = make("canvas", null);
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from];
    rgb[to++] = rgba[from + 1];
    rgb[to++] = rgba[from + 2];
  }
  return new ort.Tensor("uint8", rgb, [1, height, width, 3]);
}

function answerOf(outputs, order, classes) {
  if (outputs.shown) return order.filter((place) => outputs.shown.data[place]).map((place) => classes[place]).join(", ") || NONE;
  const best = classes[order[0]];
  return outputs.unfamiliar?.data[0] && best !== NONE ? `${NONE}, or else ${best}` : best;
}

/** The shares of classes with bars, in the order of `places`. */
function bars(shares, places, classes) {
  const list = make("dl", null);
  for (const place of places) {
    const bar = make("span", "");
    bar.className = "bar";
    bar.style.setProperty("--part", shares[place]);
    list.append(make("dt", classes[place]), make("dd", null, bar, make("span", percent(shares[place]))));
  }
  return list;
}

const orderOf = (shares) => [...shares.keys()].sort((one, other) => shares[other] - shares[one]);

function show(file, outputs, classes) {
  const shares = [...outputs.probabilities.data];
  const order = orderOf(shares);
  const n = Math.max(SHOWN, outputs.shown ? outputs.shown.data.reduce((sum, shown) => sum + shown, 0) : 0);
  const picture = make("img", null);
  picture.src = URL.createObjectURL(file);
  picture.alt = "";
  const heading = make("h2", answerOf(outputs, order, classes));
  const list = bars(shares, order.slice(0, n), classes);
  const item = make("li", null, picture, make("div", null, heading, make("p", file.name), list));
  item.querySelector("p").className = "file";
  item.dataset.shares = JSON.stringify(shares);
  answers.prepend(item);
}

/** Shows the answer for the camera until its dialog is closed; no picture is kept. */
async function watch(run, classes) {
  let [stream, isClosed] = [null, false];
  const end = () => stream?.getTracks().forEach((track) => track.stop());
  dialog.addEventListener("close", () => { isClosed = true; end(); }, { once: true });
  live.replaceChildren();
  notice.textContent = "Allow this page to use the camera: the browser asks you.";
  dialog.showModal();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (isClosed) return end(); // before the browser was answered
    video.srcObject = stream;
    notice.textContent = "";
    while (!isClosed) {
      if (video.videoWidth && !document.hidden) {
        const outputs = await run(video, LONGEST_SIDE_OF_VIDEO);
        if (isClosed) return; // meanwhile
        const shares = [...outputs.probabilities.data];
        live.replaceChildren(make("h2", answerOf(outputs, orderOf(shares), classes)), bars(shares, shares.keys(), classes));
      }
      await new Promise((resume) => setTimeout(resume, PAUSE));
    }
  } catch ({ name, message }) {
    if (isClosed) return;
    if (name === "NotAllowedError") notice.textContent = "The browser does not allow this page to use the camera. Change this in the browser's settings for this address.";
    else if (!stream) notice.textContent = "The browser finds no camera, or the page does not come from an HTTPS address.";
    else notice.textContent = `The camera's picture cannot be read: ${message}`;
  }
}

async function start() {
  status.textContent = "The classifier is loading …";
  ort.env.wasm.numThreads = 1; // more need headers that few hosts send
  ort.env.wasm.proxy = true; // a worker computes, so that the video goes on
  const response = await fetch("adapter.json");
  if (!response.ok) throw new Error((await response.json().catch(() => null))?.error ?? response.statusText);
  const facts = await response.json();
  const classes = facts.classes.map(String);
  byId("classes").textContent = classes.filter((label) => label !== NONE).join(", ");
  const session = await ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });

  let [running, waiting] = [Promise.resolve(), Promise.resolve()];
  function run(source, side) {
    const outputs = running.then(async () => session.run({ pictures: await decode(source, side) })); // one at a time
    running = outputs.catch(() => {});
    return outputs;
  }
  async function answer(files) {
    for (const [number, file] of files.entries()) {
      status.textContent = `Looking at ${file.name} (${number + 1} of ${files.length}) …`;
      try {
        show(file, await run(file, LONGEST_SIDE), classes);
      } catch (error) {
        answers.prepend(make("li", null, make("span", ""), make("p", `${file.name} cannot be read: ${error.message}`)));
      }
    }
    const n = answers.children.length;
    status.textContent = n === 1 ? "1 picture." : `${n} pictures, the last first.`;
  }
  function ask(list) {
    const files = [...list]; // the list empties with the field that it is of
    waiting = waiting.then(() => answer(files));
  }

  input.addEventListener("change", () => { ask(input.files); input.value = ""; });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop") ask(event.dataTransfer.files);
    });
  }
  camera.addEventListener("click", () => watch(run, classes));
  byId("close").addEventListener("click", () => dialog.close());
  input.disabled = camera.disabled = false;
  status.textContent = "Ready.";
}

start().catch((error) => {
  const remedy = location.protocol === "file:" ? " The folder has to come from a web server." : "";
  status.textContent = `The classifier cannot be loaded: ${error.message}${remedy}`;
});
