// A wallet: what it holds.

import { fill, h, refresh, sat, t } from "../ui/kit.js";

export default async function render(page, { query }) {
  const user = await refresh();
  const wallet = user.wallets.find((one) => one.id === query.get("wal")) ?? user.wallets[0];
  fill(page, h("h1", { tabindex: "-1" }, wallet.name), h("p", { class: "balance money" }, sat(wallet.balance_msat), " sat"));
  return wallet.name ?? t("nav.wallet");
}
