// Labels pictures in the browser with the adapter beside this file; no picture leaves the page.
import * as ort from "./runtime/ort.wasm.bundle.min.mjs";

// Larger pictures are made smaller first: the answers hardly move, and it takes a tenth of the time.
const LONGEST_SIDE = 1024;
const SHOWN = 3;
const NONE = "none of these";
const status = document.querySelector("#status");
const drop = document.querySelector("#drop");
const input = document.querySelector("#pictures");
const answers = document.querySelector("#answers");

function make(tag, text, ...children) {
  const element = document.createElement(tag);
  if (text !== null) element.textContent = text;
  element.append(...children);
  return element;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

async function decode(file) {
  // Upright, and the numbers of the file as they are, without its colour profile.
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
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

function show(file, outputs, classes) {
  const shares = [...outputs.probabilities.data];
  const order = shares.map((_, place) => place).sort((one, other) => shares[other] - shares[one]);
  const list = make("dl", null);
  const n = Math.max(SHOWN, outputs.shown ? outputs.shown.data.reduce((sum, shown) => sum + shown, 0) : 0);
  for (const place of order.slice(0, n)) {
    const meter = make("meter", null);
    meter.value = shares[place];
    meter.setAttribute("aria-hidden", "true");
    const amount = make("span", percent(shares[place]));
    list.append(make("dt", classes[place]), make("dd", null, meter, amount));
  }
  const picture = make("img", null);
  picture.src = URL.createObjectURL(file);
  picture.alt = "";
  const heading = make("h2", answerOf(outputs, order, classes));
  const item = make("li", null, picture, make("div", null, heading, make("p", file.name), list));
  item.querySelector("p").className = "file";
  item.dataset.shares = JSON.stringify(shares);
  answers.prepend(item);
}

async function start() {
  ort.env.wasm.numThreads = 1; // more need headers that few hosts send
  const response = await fetch("adapter.json");
  if (!response.ok) throw new Error((await response.json().catch(() => null))?.error ?? response.statusText);
  const facts = await response.json();
  const classes = facts.classes.map(String);
  document.querySelector("#classes").textContent = classes.filter((label) => label !== NONE).join(", ");
  const session = await ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });

  let waiting = Promise.resolve();
  async function answer(files) {
    for (const [number, file] of files.entries()) {
      status.textContent = `Looking at ${file.name} (${number + 1} of ${files.length}) …`;
      try {
        show(file, await session.run({ pictures: await decode(file) }), classes);
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
  input.disabled = false;
  status.textContent = "Ready.";
}

start().catch((error) => {
  const remedy = location.protocol === "file:" ? " The folder has to come from a web server." : "";
  status.textContent = `The classifier cannot be loaded: ${error.message}${remedy}`;
});
