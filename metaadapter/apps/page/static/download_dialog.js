/** The dialog of downloads: the answers, the pictures in folders, the classifier. */
import { showDialog } from "./dialog.js";
import { element, setText } from "./element.js";
import { server } from "./server.js";
import { bytes, percent, say } from "./words.js";

// The page fetches small files, so that it can show an error; pictures go straight to the disk.
const DOWNLOADS = [
  { key: "answers", path: "/take/answers.csv", usesThreshold: true },
  { key: "pictures", path: "/take/pictures.zip", usesThreshold: true, straight: true },
  { key: "moves", path: "/take/moves.sh", usesThreshold: true },
  { key: "adapter", path: "/take/adapter" },
  { key: "onnx", path: "/take/onnx" },
  { key: "page", path: "/take/page.zip", preview: "/preview/index.html" },
];
// With several labels a picture: labels as a manifest, and no script, since a file has one place.
const LABELS = { key: "labels", path: "/take/labels.csv", always: true };
// The files for camera traps, if there are frames with boxes; they need no classifier.
const FIELD_DOWNLOADS = [
  { key: "counts", path: "/take/counts.csv", usesThreshold: true, always: true },
  { key: "timelapse", path: "/take/timelapse.csv", usesThreshold: true, always: true },
  { key: "megadetector", path: "/take/megadetector.json", usesThreshold: true, always: true },
  { key: "camtrap", path: "/take/camtrap-dp.zip", usesThreshold: true, always: true },
];

/** @param project - a Project. @param {number} threshold - answers below it are "unsure". */
export function showDownloads(project, threshold) {
  const status = element("p", { role: "status" });
  const all = say(project.several ? "download_several" : "download_all");
  const sentence = threshold ? say("download_threshold", { probability: percent(threshold) }) : all;
  showDialog(
    say("download_title"),
    element("p", {}, project.ready ? sentence : say("download_not_ready")),
    element("ul.things", {}, ...downloadsOf(project).map((download) => item(download, project, threshold, status))),
    status,
  );
  if (project.ready) showSizes(threshold);
}

function downloadsOf({ several, camera_traps }) {
  if (several) return [LABELS, ...DOWNLOADS.filter(({ key }) => key !== "moves")];
  return camera_traps.n_frames ? [...DOWNLOADS, ...FIELD_DOWNLOADS] : DOWNLOADS;
}

/** Adds the sizes, as far as they are known before the files are made. */
async function showSizes(threshold) {
  const sizes = await server.sizes(threshold).catch(() => ({}));
  for (const node of document.querySelectorAll("[data-size]")) {
    const n_bytes = sizes[node.dataset.size];
    const isLeast = !sizes.is_made && ["onnx", "page"].includes(node.dataset.size);
    if (n_bytes) setText(node, isLeast ? say("size_at_least", { size: bytes(n_bytes) }) : bytes(n_bytes));
  }
}

function item({ key, path, usesThreshold, straight, always, preview }, project, threshold, status) {
  const address = usesThreshold && threshold ? `${path}?sure=${threshold}` : path;
  const name = say(`download_${key}`);
  const control = straight && project.ready
    ? element("a.button", { href: address, download: "" }, name)
    : element("button", { type: "button", disabled: !project.ready && !always }, name);
  if (!straight) control.addEventListener("click", () => fetchFile(control, address, project, status));
  const look = preview && project.ready
    ? element("a", { href: preview, target: "_blank", rel: "noopener" }, say("download_preview"))
    : null;
  return element(
    "li",
    {},
    control,
    element("p.muted", {}, say(`download_${key}_words`), " ", element("span.size", { "data-size": key }), " ", look),
  );
}

async function fetchFile(control, address, project, status) {
  control.disabled = true;
  status.classList.remove("wrong");
  status.textContent = say("download_preparing");
  try {
    const { blob, name } = await server.file(address);
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: name || project.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    status.textContent = say("download_done", { name });
  } catch (error) {
    status.classList.add("wrong");
    status.textContent = error.message;
  }
  control.disabled = false;
  control.focus();
}
