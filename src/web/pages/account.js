// The account.

import { fill, h, refresh, t } from "../ui/kit.js";

export default async function render(page) {
  const user = await refresh();
  fill(page, h("h1", { tabindex: "-1" }, t("nav.account")), h("p", {}, user.username));
  return t("nav.account");
}
