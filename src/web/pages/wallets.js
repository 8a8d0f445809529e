// The account's wallets: a list, a new one, and what each is called and shown in.

import { api, button, choice, field, fill, form, h, refresh, sat, session, t } from "../ui/kit.js";
import { dialog, oops, sure, toast } from "../ui/dialog.js";

export default async function render(page) {
  const user = await refresh();
  const again = () => render(page);
  const living = user.wallets.filter((one) => !one.deleted);
  const gone = user.wallets.filter((one) => one.deleted);
  const total = living.filter((one) => one.wallet_type === "lightning").reduce((sum, one) => sum + one.balance_msat, 0);
  const name = field({ label: t("wallet.name"), input: { autocomplete: "off", autocapitalize: "sentences", maxlength: "100" } });
  const create = form({
    fields: { name },
    submit: t("wallets.create"),
    act: async (values) => {
      const made = await api("POST", "/api/v1/wallet", { body: { name: values.name.trim() || undefined } });
      toast(t("wallets.created", { name: made.name }));
      await again();
    },
  });
  fill(page, h("h1", { tabindex: "-1" }, t("nav.wallets")),
    living.length
      ? [h("p", { class: "soft money" }, t("wallets.total", { sat: sat(total) })), h("ul", { class: "list" }, living.map((wallet) => entry(wallet, again)))]
      : h("div", { class: "empty" }, h("p", {}, t("wallet.none"))),
    gone.length > 0 && h("details", { class: "gone" }, h("summary", {}, t("wallets.deleted", { n: gone.length })), h("ul", { class: "list" }, gone.map((wallet) => h("li", { class: "line" },
      h("span", { class: "grow" }, wallet.name), button(t("wallets.restore"), () => restore(wallet, again), "small", { "aria-label": `${t("wallets.restore")}: ${wallet.name}` }))))),
    h("section", { class: "card after-list" }, h("h2", {}, t("wallets.new")), create));
  return t("nav.wallets");
}

function entry(wallet, again) {
  return h("li", { class: "line" }, h("a", { class: "entry", href: `/wallet?wal=${wallet.id}` },
    h("span", {}, h("strong", {}, wallet.name), " ", wallet.wallet_type === "lightning-shared" && h("span", { class: "tag" }, t("wallets.shared"))),
    h("span", { class: "money" }, sat(wallet.balance_msat), " sat")),
  button(t("wallets.change"), () => change(wallet, again).catch(oops), "small", { "aria-label": `${t("wallets.change")}: ${wallet.name}` }));
}

async function change(wallet, again) {
  const currencies = await api("GET", "/api/v1/currencies");
  const usual = session.server?.currency;
  const name = field({ label: t("wallet.name"), input: { autocomplete: "off", autocapitalize: "sentences", maxlength: "100", value: wallet.name } });
  const currency = field({ label: t("wallets.currency"), control: choice({}, [["", usual ? t("wallets.usual", { currency: usual }) : t("wallets.usual.none")], ...currencies.map((one) => [one, one])], wallet.currency ?? "") });
  const it = dialog(t("wallets.change"), form({
    fields: { name, currency },
    submit: t("save"),
    act: async (values) => {
      await api("PATCH", "/api/v1/wallet", { wallet: wallet.id, body: { name: values.name.trim(), currency: values.currency } });
      it.close();
      toast(t("saved"));
      await again();
    },
  }), h("p", {}, button(t("wallets.delete"), () => remove(wallet, it, again).catch(oops), "danger small")));
  name.control.focus();
}

async function remove(wallet, it, again) {
  it.close();
  if (!(await sure(t("wallets.delete"), t("wallets.delete.text", { name: wallet.name, sat: sat(wallet.balance_msat) }), t("wallets.delete")))) return;
  await api("DELETE", `/api/v1/wallet/${wallet.id}`);
  toast(t("wallets.deleted.done", { name: wallet.name }), { action: [t("undo"), () => restore(wallet, again)] });
  await again();
}

async function restore(wallet, again) {
  try {
    await api("PUT", `/api/v1/wallet/undelete/${wallet.id}`);
    await again();
  } catch (problem) {
    oops(problem);
  }
}
