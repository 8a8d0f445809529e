// The first run: a name and a password for the super user, then a wallet with something in it.

import { api, button, field, fill, form, go, h, problemTexts, Refused, refresh, sat, session, t } from "../ui/kit.js";

/** What a first wallet on a network of play money gets, in satoshi. */
const POCKET_MONEY = 100_000;

export default function render(page) {
  if (session.server?.installed) return already(page);
  const fields = {
    username: field({ label: t("username"), hint: t("username.hint"), input: { name: "username", autocomplete: "username", required: true } }),
    password: field({ label: t("password"), hint: t("password.hint"), input: { name: "password", type: "password", autocomplete: "new-password", required: true } }),
    password_repeat: field({ label: t("password.repeat"), input: { name: "password_repeat", type: "password", autocomplete: "new-password", required: true } }),
  };
  const asksToken = field({ label: t("install.token"), hint: t("install.token.hint"), optional: true, input: { name: "first_install_token", autocomplete: "off" } });
  const more = h("details", {}, h("summary", {}, t("install.token.have")), asksToken);
  const it = form({
    fields: { ...fields, first_install_token: asksToken },
    submit: t("install.submit"),
    act: async (values) => {
      const wrong = check(values);
      if (wrong) throw wrong;
      if (!values.first_install_token) delete values.first_install_token;
      try {
        await api("PUT", "/api/v1/auth/first_install", { body: values });
      } catch (problem) {
        if (/first_install_token/.test(problem.message)) {
          more.open = true;
          throw new Refused(401, { detail: [{ loc: ["body", "first_install_token"], msg: problem.message }], request_id: problem.requestId });
        }
        throw problem;
      }
      session.server.installed = true;
      await refresh();
      dispatchEvent(new CustomEvent("frame"));
      await done(page);
    },
  });
  more.append(asksToken);
  it.querySelector(".actions").before(more);
  fill(page, h("div", { class: "narrow" }, h("h1", { tabindex: "-1" }, t("install.title")), h("p", { class: "lead" }, t("install.lead")),
    money(), h("section", { class: "card" }, it)));
  return t("install.title");
}

/** Which node is behind the server, as far as that may be told before somebody is signed in. */
function money() {
  const { play_money: play, network } = session.server ?? {};
  return h("p", { class: "notice" }, play ? t("install.play") : t("install.real", { network }));
}

function check({ username, password, password_repeat: repeat }) {
  const wrong = [];
  // Counted as the server counts, in characters and not in UTF-16 halves.
  const length = (text) => [...text].length;
  if (length(username) < 2 || length(username) > 20) wrong.push({ loc: ["body", "username"], msg: t("username.hint") });
  if (length(password) < 8 || length(password) > 50) wrong.push({ loc: ["body", "password"], msg: t("password.hint") });
  if (repeat !== password) wrong.push({ loc: ["body", "password_repeat"], msg: t("password.differ") });
  return wrong.length && new Refused(400, { detail: wrong });
}

/** Says which node is connected; where the money is play money, puts some into the first wallet. */
async function done(page) {
  const wallet = session.user.wallets[0];
  const status = await api("GET", "/api/v1/status").catch(() => ({}));
  let said;
  if (session.server.play_money) {
    said = await pocketMoney(wallet).catch((problem) => h("p", { class: "notice bad" }, problemTexts(problem).text));
  } else {
    const away = status.funding_source_error;
    said = h("p", { class: away ? "notice bad" : "notice good" },
      away ? t("install.away", { source: status.funding_source, why: away }) : t("install.node", { source: status.funding_source, network: status.network, sat: sat(status.funding_source_balance_msat ?? 0) }));
  }
  const title = h("h1", { tabindex: "-1" }, t("install.done", { name: session.user.username }));
  fill(page, h("div", { class: "narrow" }, title, h("p", { class: "lead" }, t("install.done.text")), said,
    h("p", { class: "actions" }, button(t("install.open"), () => go("/wallet"), "primary"))));
  document.title = title.textContent;
  title.focus();
}

async function pocketMoney(wallet) {
  await api("PUT", "/users/api/v1/balance", { body: { id: wallet.id, amount: POCKET_MONEY } });
  await refresh();
  return h("p", { class: "notice good" }, t("install.funded", { sat: sat(POCKET_MONEY * 1000) }));
}

function already(page) {
  fill(page, h("div", { class: "narrow" }, h("h1", { tabindex: "-1" }, t("install.already")), h("p", { class: "lead" }, t("install.already.text")),
    h("p", {}, h("a", { class: "button primary", href: session.user ? "/wallet" : "/" }, t("missing.home")))));
  return t("install.already");
}
