/** The dialog that leads a phone in the same network to its own page, by a code to scan. */
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { server } from "./server.js";
import { say } from "./words.js";

export async function showPhone() {
  const { address } = await server.phone().catch(() => ({}));
  if (!address) return showDialog(say("phone_title"), element("p", {}, say("phone_off")));
  return showDialog(
    say("phone_title"),
    element("p", {}, say("phone_scan")),
    element("img.code", { src: "/phone/code.svg", alt: say("phone_code") }),
    element("p.path", {}, address),
    element("p.wrong", {}, say("phone_warning")),
  );
}
