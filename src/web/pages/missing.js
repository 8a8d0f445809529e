// An address that means nothing here.

import { fill, h, session, t } from "../ui/kit.js";

export default function render(page) {
  fill(page, h("div", { class: "narrow" }, h("h1", { tabindex: "-1" }, t("missing.title")), h("p", { class: "lead" }, t("missing.text")),
    h("p", {}, h("a", { class: "button primary", href: session.user ? "/wallet" : "/" }, t("missing.home")))));
  return t("missing.title");
}
