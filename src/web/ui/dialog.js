// What comes over a page: dialogs, questions, and short words at the bottom.

import { button, field, fill, form, h, problemTexts, Refused, t } from "./kit.js";

/** Opens a dialog. `body` is elements; the answer is the element, with `closed` (a promise) and `close()`. */
export function dialog(title, ...body) {
  const heading = h("h2", { tabindex: "-1", id: "dialog-title" }, title);
  const it = h("dialog", { "aria-labelledby": "dialog-title" },
    h("header", {}, heading, button("×", () => it.close(), "", { "aria-label": t("close") })), h("div", { class: "dialog-body" }, body));
  const before = document.activeElement;
  it.closed = new Promise((resolve) => {
    it.addEventListener("close", () => {
      it.remove();
      if (before?.isConnected) before.focus();
      resolve(it.returnValue);
    });
  });
  it.show = (...content) => fill(it.querySelector(".dialog-body"), content);
  it.retitle = (text) => { heading.textContent = text; };
  document.body.append(it);
  it.showModal();
  (it.querySelector("[autofocus]") ?? heading).focus();
  return it;
}

/** Asks before something that cannot be undone. Resolves to true when it shall be done. */
export async function sure(title, text, action) {
  const it = dialog(title, h("p", {}, text), h("p", { class: "actions" },
    button(action, () => it.close("yes"), "danger"), button(t("cancel"), () => it.close(""), "", { autofocus: true })));
  return (await it.closed) === "yes";
}

/** Does `act(code)`; where the server wants a one-time code for it, asks for one and does it again. */
export async function withCode(act) {
  try {
    return await act(undefined);
  } catch (problem) {
    if (!(problem instanceof Refused) || problem.code !== "otp_required") throw problem;
  }
  let done;
  const code = codeField();
  const it = dialog(t("otp.title"), h("p", {}, t("otp.text")), form({
    fields: { code },
    submit: t("go"),
    act: async ({ code: typed }) => {
      done = { result: await act(typed.trim()) };
      it.close("done");
    },
  }));
  code.control.focus();
  await it.closed;
  if (!done) throw new DOMException("", "AbortError");
  return done.result;
}

export function codeField() {
  return field({ label: t("otp.code"), hint: t("otp.hint"), input: { autocomplete: "one-time-code", inputmode: "text", maxlength: "40" } });
}

const AWHILE = 6000;

/** Says something in passing; `action` is `[text, function]`. Errors stay until they are closed. */
export function toast(text, { action, stays = false } = {}) {
  const place = document.querySelector(".toasts") ?? h("div", { class: "toasts", role: "status", popover: "manual" });
  if (!place.isConnected) document.body.append(place);
  const gone = () => { it.remove(); };
  const it = h("div", { class: "toast" }, h("span", {}, text),
    action && button(action[0], () => { gone(); action[1](); }), stays && button(t("close"), gone));
  place.append(it);
  // above an open dialog, too
  if (place.matches(":popover-open")) place.hidePopover();
  place.showPopover();
  if (!stays) setTimeout(gone, AWHILE);
}

/** Says what went wrong, with the id by which the server's log knows it. */
export function oops(problem) {
  if (problem?.name === "AbortError") return;
  const { text } = problemTexts(problem);
  const id = problem instanceof Refused && problem.requestId;
  toast([text, id && h("span", { class: "request-id" }, t("error.id", { id }))], { stays: true });
}
