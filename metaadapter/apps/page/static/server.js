/** The requests to the server: one function for each, as `/docs` of the server describes them. */
import { author } from "./author.js";
import { say, sayOf } from "./words.js";

const AWAY = ["away", "token", "opening", "not-opened", "closed", "slow", "left"];

/** The server refused a request or could not be reached; `message` is a sentence to show. */
export class Refusal extends Error {
  constructor(message, status = 0, kind = "away", values = {}) {
    super(message);
    Object.assign(this, { status, kind, values });
  }

  /** Whether the same request can be done later, when the server is there again. */
  get isAway() {
    return AWAY.includes(this.kind);
  }
}

async function request(method, path, { json, form, signal, headers = {} } = {}) {
  const options = { method, signal, body: form, headers: { Accept: "application/json", ...headers } };
  if (json !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(json);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(say("server_gone"));
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  if (response.status === 401) return new Refusal(say("no_permission"), 401, "token");
  const { error, ...wording } = await response.json().catch(() => ({}));
  // The server has ended, and another program uses its port now.
  if (!error || !wording.kind) return new Refusal(say("other_program"));
  return new Refusal(sayOf(wording, error), response.status, wording.kind, wording.values);
}

const get = async (path) => content(await request("GET", path));

async function content(response) {
  return response.json().catch(() => {
    throw new Refusal(say("other_program"));
  });
}

/** The content of the answer to an edit; the edit is not saved if another program has answered. */
async function revised(response) {
  const values = await content(response);
  if (typeof values?.revision !== "number") throw new Refusal(say("other_program"));
  return values;
}

const send = async (method, path, json) => content(await request(method, path, { json }));

/** Who sends a change, and for which project. */
const origin = (project = "") => ({
  "Metaadapter-Project": encodeURIComponent(project),
  "Metaadapter-Author": encodeURIComponent(author()),
});

export const server = {
  project: () => get("/project"),
  answers: (since) => get(`/answers?since=${since}`),
  costs: () => get("/sure"),
  advice: () => get("/advice"),
  alike: () => get("/alike"),
  work: () => get("/work"),
  stopWork: () => send("POST", "/work/stop"),
  resumeWork: () => send("POST", "/work/resume"),
  history: () => get("/history"),

  /** Sends an edit that the outbox keeps. */
  async edit({ method, path, json, key, project }) {
    const headers = { "Idempotency-Key": key, ...origin(project) };
    return revised(await request(method, path, { json, headers }));
  },

  frames: (frame) => get(frame ? `/frames?frame=${frame}` : "/frames"),
  speciesCounts: (threshold) => get(`/counts?sure=${threshold}`),

  /** Changes the settings for camera traps; the dialog shows a refusal itself. */
  async changeField(settings, project) {
    return revised(await request("PATCH", "/field", { json: settings, headers: origin(project) }));
  },

  projects: () => get("/projects"),
  sizes: (threshold) => get(`/take/sizes?sure=${threshold}`),
  classes: () => get("/classes"), // for phones
  phone: () => get("/phone"),
  newProject: (name) => send("POST", "/projects", { name }),
  renameProject: (name, new_name) => send("POST", "/projects/rename", { name, new_name }),
  deleteProject: (name) => send("POST", "/projects/delete", { name }),
  openAgain: (repairs) => send("POST", "/projects/again", { repairs }),
  openProject: (name) => send("POST", "/projects/open", { name }),

  /** Downloads a file; returns {blob, name}, with the name that the server gives. */
  async file(path) {
    const response = await request("GET", path);
    const [, name = ""] = /filename\*=UTF-8''([^;]*)/.exec(response.headers.get("Content-Disposition")) ?? [];
    return { blob: await response.blob(), name: decodeURIComponent(name) };
  },

  /** The answer for a picture that is not kept, by the classifier as it is now. */
  async predictNow(file, signal) {
    const form = new FormData();
    form.append("pictures", file);
    return (await request("POST", "/predict?now=true", { form, signal })).json();
  },

  /**
   * @param {{file: File, path: string}[]} files
   * @param {string} target - id of a class, "" for the tray, "folders" to make a class of each folder.
   * @param {AbortSignal} signal
   * @param {string} project - the last part of its folder.
   * @param {boolean} waits - whether the pictures are read only after the next change.
   */
  async addPictures(files, target, signal, project, waits = false) {
    const form = new FormData();
    form.append("class", target);
    if (waits) form.append("wait", "true");
    for (const { file, path } of files) form.append("pictures", file, path);
    return revised(await request("POST", "/pictures", { form, signal, headers: origin(project) }));
  },

  /** @param {File} file - the JSON of MegaDetector or SpeciesNet. @param {string} project */
  async addDetections(file, project) {
    const form = new FormData();
    form.append("detections", file, file.name);
    return revised(await request("POST", "/detections", { form, headers: origin(project) }));
  },

  /** Gives new pictures the boxes that have waited for them; the answer is that of addDetections. */
  async joinDetections(pictures, project) {
    return revised(await request("POST", "/detections/join", { json: { pictures }, headers: origin(project) }));
  },
};

export const thumbnail = (picture) => `/pictures/${picture}?size=thumbnail`;
export const whole = (picture) => `/pictures/${picture}?size=whole`;
