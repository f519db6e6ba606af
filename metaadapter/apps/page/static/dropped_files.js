/**
 * The files of a drop, a paste or a file dialog, each with its path in the folder that was given.
 *
 * @typedef {{file: File, path: string}} GivenFile
 */

const SYSTEM_FILES = /^(\..*|Thumbs\.db|desktop\.ini|__MACOSX)$/i;

/**
 * @param {DataTransfer} transfer - of a drop or a paste; read at once, for it is empty later.
 * @returns {Promise<{files: GivenFile[], folders: string[]}>} `folders` are the names of the folders
 *   that pictures lie in.
 */
export async function filesOf(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile())
    .filter(Boolean);
  const files = (await Promise.all(entries.map(filesIn))).flat();
  return withFolders(files.length ? files : [...transfer.files].map(given));
}

/** Opens the file dialog: for pictures and zips, or for a folder. */
export function chooseFiles({ folder = false } = {}) {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", multiple: true, webkitdirectory: folder });
  if (!folder) input.accept = "image/*,.zip";
  return new Promise((resolve) => {
    input.onchange = () => resolve(withFolders([...input.files].map(given)));
    input.oncancel = () => resolve({ files: [], folders: [] });
    input.click();
  });
}

/** Whether it is worth sending: a picture, a zip, or something that the server is to look at. */
export function maySend({ file, path }) {
  const type = file.type || "image/unknown";
  return type.startsWith("image/") || /zip/.test(type) || /\.zip$/i.test(path);
}

/** Whether it is a zip. */
export const isZip = ({ file, path }) => /zip/.test(file.type) || /\.zip$/i.test(path);

const given = (file) => ({ file, path: file.webkitRelativePath || file.name });

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
  if (entry instanceof File) return [given(entry)];
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const within = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break; // it gives a hundred at a time
    within.push(...some);
  }
  return (await Promise.all(within.map(filesIn))).flat();
}
