/** The requests to the server: one function for each, as `/openapi.json` of the server describes them. */
import { author } from "./storage.js";
import { say, sayOf } from "./words.js";

const AWAY = ["away", "token", "opening", "not-opened", "closed", "left"];

/** The server refused a request or could not be reached; `message` is a sentence to show. */
class Refusal extends Error {
  constructor(message, kind = "away", values = {}) {
    super(message);
    Object.assign(this, { kind, values });
  }

  /** Whether the same request can be done later, when the server is there again. */
  get isAway() {
    return AWAY.includes(this.kind);
  }
}

async function request(method, path, { json, form, signal, headers = {} } = {}) {
  const type = json === undefined ? {} : { "Content-Type": "application/json" };
  const options = {
    method,
    signal,
    headers: { Accept: "application/json", ...type, ...headers },
    body: json === undefined ? form : JSON.stringify(json),
  };
  const response = await fetch(path, options).catch((error) => {
    throw error.name === "AbortError" ? error : new Refusal(say("server_gone"));
  });
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  if (response.status === 401) return new Refusal(say("no_permission"), "token");
  const { error, kind, values } = await response.json().catch(() => ({}));
  // The server has ended, and another program uses its port now.
  if (!error || !kind) return new Refusal(say("other_program"));
  return new Refusal(sayOf({ kind, values }, error), kind, values);
}

async function content(response) {
  return response.json().catch(() => {
    throw new Refusal(say("other_program"));
  });
}

const get = async (path) => content(await request("GET", path));
const send = async (path, json) => content(await request("POST", path, { json }));

/** Sends a change of a project; it is not saved if another program has answered. */
async function change(method, path, project = "", { headers, ...body }) {
  const origin = {
    "Metaadapter-Project": encodeURIComponent(project),
    "Metaadapter-Author": encodeURIComponent(author()),
  };
  const values = await content(await request(method, path, { ...body, headers: { ...origin, ...headers } }));
  if (typeof values?.revision !== "number") throw new Refusal(say("other_program"));
  return values;
}

function formOf(values, name, files) {
  const form = new FormData();
  for (const [key, value] of Object.entries(values)) form.append(key, value);
  for (const { file, path } of files) form.append(name, file, path);
  return form;
}

/** @param {?string} to - the folder of another project, which gets what an edit removes. */
const moved = (to) => (to ? `?to=${encodeURIComponent(to)}` : "");

/** The edits of a project as the server takes them: values that can be kept until it is there. */
export const edits = {
  addClass: (id, name) => ({ method: "POST", path: "/classes", json: { id, name } }),
  changeClass: (id, changes) => ({ method: "PATCH", path: `/classes/${id}`, json: changes }),
  removeClass: (id, to) => ({ method: "DELETE", path: `/classes/${id}${moved(to)}` }),
  mergeClass: (id, into) => ({ method: "DELETE", path: `/classes/${id}?into=${into}` }),
  label: (labels) => ({ method: "POST", path: "/labels", json: { labels } }),
  removePictures: (pictures, to) => ({ method: "DELETE", path: `/pictures${moved(to)}`, json: { pictures } }),
  changeBox: (frame, before, after) => ({ method: "POST", path: `/frames/${frame}/boxes`, json: { before, after } }),
  settleAdvice: (id, action) => ({ method: "POST", path: `/advice/${id}`, json: { action } }),
  takeBackAdvice: (id) => ({ method: "DELETE", path: `/advice/${id}` }),
  setSeveral: (several) => ({ method: "PATCH", path: "/labelling", json: { several } }),
  undo: () => ({ method: "POST", path: "/undo" }),
  redo: () => ({ method: "POST", path: "/redo" }),
};

/** `project` is the last part of a project's folder, by which the server knows for which one a change is. */
export const server = {
  project: () => get("/project"),
  answers: (since) => get(`/answers?since=${since}`),
  advice: () => get("/advice"),
  async work() {
    const work = await get("/work");
    if (AWAY.includes(work.kind)) throw new Refusal(sayOf(work, work.error), work.kind, work.values);
    return work;
  },
  history: () => get("/history"),
  reasons: (picture) => get(`/pictures/${picture}/reasons`),
  copies: (pictures) => send("/copies", { pictures }),
  frames: (frame) => get(frame ? `/frames?frame=${frame}` : "/frames"),
  speciesCounts: (threshold) => get(`/counts?sure=${threshold}`),
  projects: () => get("/projects"),
  phone: () => get("/phone"),
  classes: () => get("/classes"), // for phones
  newProject: (name) => send("/projects", { name }),
  renameProject: (name) => send("/projects/rename", { name }),
  openAgain: (repairs) => send("/projects/again", { repairs }),
  openProject: (folder) => send("/projects/open", { folder }),

  /** Sends an edit that the outbox keeps. */
  edit: ({ method, path, json, key, project }) =>
    change(method, path, project, { json, headers: { "Idempotency-Key": key } }),

  /** Changes the settings for camera traps. */
  changeField: (settings, project) => change("PATCH", "/field", project, { json: settings }),

  /**
   * @param {{file: File, path: string}[]} files
   * @param {string} target - id of a class, "" for the tray, "folders" to make a class of each folder.
   * @param {{drop: string, n: number, signal: AbortSignal}} portion - the drop of this portion, and its number.
   */
  addPictures(files, target, project, { drop = "", n, signal } = {}) {
    const form = formOf({ class: target, drop }, "pictures", files);
    const headers = drop && { "Idempotency-Key": `${drop}-${n}` };
    return change("POST", "/pictures", project, { form, signal, headers });
  },

  /** @param {File} file - the JSON of MegaDetector or SpeciesNet. */
  addDetections: (file, project) =>
    change("POST", "/detections", project, { form: formOf({}, "detections", [{ file, path: file.name }]) }),

  /** The answer for a picture that is not kept, by the classifier as it is now. */
  async predictNow(file, signal) {
    const form = formOf({}, "pictures", [{ file, path: file.name }]);
    return content(await request("POST", "/predict?now=true", { form, signal }));
  },

  /** Downloads a file; returns {blob, name}, with the name that the server gives. */
  async file(path) {
    const response = await request("GET", path);
    const [, name = ""] = /filename\*=UTF-8''([^;]*)/.exec(response.headers.get("Content-Disposition")) ?? [];
    return { blob: await response.blob(), name: decodeURIComponent(name) };
  },
};

export const thumbnail = (picture) => `/pictures/${picture}?size=thumbnail`;
export const whole = (picture) => `/pictures/${picture}?size=whole`;
