/** The edits of a project as the server takes them: values that can be kept until it is there. */
export const edits = {
  addClass: (id, name) => ({ method: "POST", path: "/classes", json: { id, name } }),
  changeClass: (id, changes) => ({ method: "PATCH", path: `/classes/${id}`, json: changes }),
  removeClass: (id) => ({ method: "DELETE", path: `/classes/${id}` }),
  label: (labels) => ({ method: "POST", path: "/labels", json: { labels } }),
  removePictures: (pictures) => ({ method: "DELETE", path: "/pictures", json: { pictures } }),
  changeBox: (frame, before, after) => ({ method: "POST", path: `/frames/${frame}/boxes`, json: { before, after } }),
  forgetDetections: (file) => ({ method: "DELETE", path: `/detections/${file}` }),
  settleAdvice: (id, action) => ({ method: "POST", path: `/advice/${id}`, json: { action } }),
  takeBackAdvice: (id) => ({ method: "DELETE", path: `/advice/${id}` }),
  setSeveral: (several) => ({ method: "PATCH", path: "/labelling", json: { several } }),
  undo: () => ({ method: "POST", path: "/undo" }),
  redo: () => ({ method: "POST", path: "/redo" }),
};
