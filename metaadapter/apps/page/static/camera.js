/** The camera: shows the answer while it runs, and takes pictures into a class. */
import { Burst } from "./burst.js";
import { camerasOf, openCamera, photograph } from "./camera_stream.js";
import { showDialog } from "./dialog.js";
import { byId, element, setText } from "./element.js";
import { LiveAnswer } from "./live_answer.js";
import { readOut } from "./messages.js";
import { showPhone } from "./phone_dialog.js";
import { say } from "./words.js";

const MAX_SIDE = 1280; // pixels of a picture that is kept

export class Camera {
  #project;
  #uploads;

  constructor(project, uploads) {
    this.#project = project;
    this.#uploads = uploads;
    byId("add-camera").addEventListener("click", () => this.open(""));
  }

  /** Opens the camera; pictures go to the chosen class: at first this one, or with "" the tray. */
  async open(target) {
    const video = element("video", { autoplay: true, muted: true, playsInline: true });
    const live = new LiveAnswer(this.#project, video);
    const status = element("p", { role: "status" }, say("camera_waiting"));
    const shoot = element("button.primary.shoot", { type: "button", disabled: true }, say("camera_shoot"));
    const classes = choice("camera_class", [
      ...this.#project.classes.map(({ id, name }) => [id, name]),
      ["", say("tray_title")],
    ]);
    classes.select.value = target;
    const cameras = choice("camera_device", []);
    cameras.node.hidden = true;
    const dialog = showDialog(
      say("camera"),
      video,
      live.node,
      element("div.camera-choices", {}, classes.node, cameras.node),
      shoot,
      status,
      element("button.quiet", { type: "button", onclick: () => dialog.close() || showPhone() }, say("phone_use")),
    );
    let stream = null;
    const start = async (device) => {
      stream?.getTracks().forEach((track) => track.stop());
      shoot.disabled = true; // until the video has a picture
      const opened = await openCamera(device).catch((error) => {
        setText(status, say(error.name === "NotAllowedError" ? "camera_refused" : "camera_none"));
        return null;
      });
      stream?.getTracks().forEach((track) => track.stop()); // another choice of a camera may have been faster
      stream = opened;
      if (!dialog.isConnected) stream?.getTracks().forEach((track) => track.stop());
      video.srcObject = stream;
      if (!stream) return;
      setText(status, say("camera_ready"));
      const devices = await camerasOf();
      cameras.fill(devices, stream.getVideoTracks()[0].getSettings().deviceId);
      cameras.node.hidden = devices.length < 2;
    };
    video.addEventListener("loadedmetadata", () => {
      shoot.disabled = false;
      if (dialog.contains(document.activeElement) && !document.activeElement.matches("select")) shoot.focus();
    });
    cameras.select.addEventListener("change", () => start(cameras.select.value));
    const burst = new Burst(shoot, dialog, {
      take: () => photograph(video, MAX_SIDE, 0.92),
      add: (files) => this.#uploads.add({ files, folders: [] }, classes.select.value),
      count: (n) => setText(status, say("camera_taken", { n })),
      done: () => readOut(status.textContent),
    });
    dialog.addEventListener("close", () => {
      burst.end();
      live.end();
      stream?.getTracks().forEach((track) => track.stop());
    });
    await start("");
  }
}

/** A labelled list to choose from; `fill` sets its pairs of value and text. */
function choice(key, options) {
  const select = element("select", {});
  const fill = (pairs, value) => {
    select.replaceChildren(...pairs.map(([own, text]) => element("option", { value: own }, text)));
    if (value !== undefined) select.value = value;
  };
  fill(options);
  return { select, fill, node: element("label", {}, element("span", {}, say(key)), select) };
}
