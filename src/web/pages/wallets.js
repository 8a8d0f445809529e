// The account's wallets: a list, and a new one.

import { api, field, fill, form, h, refresh, sat, t } from "../ui/kit.js";
import { toast } from "../ui/dialog.js";

export default async function render(page) {
  const user = await refresh();
  const name = field({ label: t("wallet.name"), input: { autocomplete: "off", autocapitalize: "sentences", maxlength: "100", required: true } });
  const create = form({
    fields: { name },
    submit: t("wallets.create"),
    act: async (values) => {
      const made = await api("POST", "/api/v1/wallet", { body: values });
      toast(t("wallets.created", { name: made.name }));
      await render(page);
      page.querySelector("h1").focus();
    },
  });
  fill(page, h("h1", { tabindex: "-1" }, t("nav.wallets")),
    h("ul", { class: "list wallets" }, user.wallets.map(entry)),
    h("section", { class: "card narrow-left" }, h("h2", {}, t("wallets.new")), create));
  return t("nav.wallets");
}

function entry(wallet) {
  return h("li", {}, h("a", { class: "entry", href: `/wallet?wal=${wallet.id}` },
    h("span", {}, h("strong", {}, wallet.name), wallet.wallet_type === "lightning-shared" && h("span", { class: "tag" }, t("wallets.shared"))),
    h("span", { class: "money" }, sat(wallet.balance_msat), " sat")));
}
