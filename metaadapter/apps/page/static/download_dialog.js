/** The dialog of downloads: the answers, the pictures in folders, the classifier. */
import { showDialog } from "./dialog.js";
import { button, create, html } from "./html.js";
import { project } from "./project.js";
import { server } from "./server.js";
import { language, percent, say } from "./words.js";

// The page fetches small files, so that it can show an error; pictures go straight to the disk.
const DOWNLOADS = [
  { key: "answers", path: "/take/answers.csv", usesThreshold: true },
  { key: "pictures", path: "/take/pictures.zip", usesThreshold: true, straight: true },
  { key: "sheet", path: `/take/sheet?language=${language}`, usesThreshold: true, straight: true },
  { key: "adapter", path: "/take/adapter" },
  { key: "web", path: "/take/web.zip", preview: "/web/index.html" },
  { key: "onnx", path: "/take/onnx" },
];
// With several labels a picture: the labels as a manifest.
const LABELS = { key: "labels", path: "/take/labels.csv", always: true };
// The files for camera traps, if there are frames with boxes; they need no classifier.
const FIELD_DOWNLOADS = [
  { key: "counts", path: "/take/counts.csv", usesThreshold: true, always: true },
  { key: "timelapse", path: "/take/timelapse.csv", usesThreshold: true, always: true },
  { key: "megadetector", path: "/take/megadetector.json", usesThreshold: true, always: true },
  { key: "camtrap", path: "/take/camtrap-dp.zip", usesThreshold: true, always: true },
];

export function showDownloads() {
  let status = { text: "", isWrong: false };
  let loading = null; // the key of the file that is fetched
  const fetchFile = async (key, address, target) => {
    loading = key;
    status = { text: say("download_preparing"), isWrong: false };
    dialog.refresh();
    try {
      const { blob, name } = await server.file(address);
      const href = URL.createObjectURL(blob);
      create(html`<a href=${href} download=${name || project.name}></a>`).click();
      setTimeout(() => URL.revokeObjectURL(href), 60_000);
      status = { text: say("download_done", { name }), isWrong: false };
    } catch (error) {
      status = { text: error.message, isWrong: true };
    }
    loading = null;
    dialog.refresh();
    target.focus();
  };
  const view = () => {
    const { ready, several, minimum } = project;
    const all = say(several ? "download_several" : "download_all");
    const sentence = minimum ? say("download_threshold", { probability: percent(minimum) }) : all;
    return html`
      <p>${ready ? sentence : say("download_not_ready")}</p>
      <ul class="things">${downloads().map(item)}</ul>
      <p class=${status.isWrong && "wrong"} role="status">${status.text}</p>`;
  };
  const item = ({ key, path, preview, usesThreshold, straight, always }) => {
    const { ready, minimum } = project;
    const address = usesThreshold && minimum ? `${path}${path.includes("?") ? "&" : "?"}sure=${minimum}` : path;
    const onclick = ({ target }) => fetchFile(key, address, target);
    const disabled = (!ready && !always) || loading === key;
    return html`
      <li key=${key}>
        ${straight && ready
          ? html`<a class="button" href=${address} download="">${say(`download_${key}`)}</a>`
          : button(`download_${key}`, onclick, { disabled })}
        <p class="muted">
          ${say(`download_${key}_words`)}${" "}
          ${preview && ready && html`<a href=${preview} target="_blank">${say("download_preview")}</a>`}
        </p>
      </li>`;
  };
  const dialog = showDialog(() => say("download"), view);
}

function downloads() {
  const { several, camera_traps } = project;
  if (several) return [LABELS, ...DOWNLOADS];
  return camera_traps.n_frames ? [...DOWNLOADS, ...FIELD_DOWNLOADS] : DOWNLOADS;
}
