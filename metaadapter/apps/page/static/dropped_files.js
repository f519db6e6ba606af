/**
 * The files of a drop, a paste or a file dialog, each with its path in the folder that was chosen.
 *
 * @typedef {{file: File, path: string}} ChosenFile
 */

const SYSTEM_FILES = /^(\..*|Thumbs\.db|desktop\.ini|__MACOSX)$/i;

/**
 * @param {DataTransfer} transfer - from a drop or a paste; it is empty after this event.
 * @returns {Promise<{files: ChosenFile[], folders: string[]}>} `folders` names the folders that
 *   hold the files.
 */
export async function filesOf(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile())
    .filter(Boolean);
  const files = (await Promise.all(entries.map(filesIn))).flat();
  return withFolders(files.length ? files : [...transfer.files].map(chosen));
}

/** Opens a dialog for pictures and a detector's files, or for a folder. */
export function askForFiles({ folder = false } = {}) {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", multiple: true, webkitdirectory: folder });
  if (!folder) input.accept = "image/*,.heic,.heif,.avif,.json,.xml";
  return new Promise((resolve) => {
    input.onchange = () => resolve(withFolders([...input.files].map(chosen)));
    input.oncancel = () => resolve({ files: [], folders: [] });
    input.click();
  });
}

/** Whether a file may be a picture; the server checks those of an unknown type. */
export const isUploadable = ({ file }) => !file.type || file.type.startsWith("image/");

/** Whether a file has boxes of a detector or of another program. */
export const isDetections = ({ path }) => /\.(json|xml)$/i.test(path);

const chosen = (file) => ({ file, path: file.webkitRelativePath || file.name });

function withFolders(all) {
  const files = all
    .filter(({ path }) => !path.split("/").some((part) => SYSTEM_FILES.test(part)))
    .sort((a, b) => a.path.localeCompare(b.path, undefined, { numeric: true }));
  const folders = new Set(
    files.filter(({ path }) => path.includes("/")).map(({ path }) => path.split("/").at(-2)),
  );
  return { files, folders: [...folders] };
}

async function filesIn(entry) {
  if (entry instanceof File) return [chosen(entry)];
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const entries = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) break; // a batch has a hundred entries at most
    entries.push(...batch);
  }
  return (await Promise.all(entries.map(filesIn))).flat();
}
