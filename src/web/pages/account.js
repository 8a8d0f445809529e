// The account: who it is, how it gets in, and where it is signed in.

import { api, button, choice, field, fill, form, h, LANGUAGES, language, memory, refresh, session, t, when } from "../ui/kit.js";
import { oops, sure, toast, withCode } from "../ui/dialog.js";
import { factors } from "./factors.js";

export default async function render(page) {
  const user = await refresh();
  const [sessions, second] = await Promise.all([api("GET", "/api/v1/auth/sessions"), factors(user)]);
  fill(page, h("h1", { tabindex: "-1" }, t("nav.account")),
    h("div", { class: "columns" },
      card(t("profile"), profile(user)), card(t("look"), look()), card(t("password"), password(user)),
      second, card(t("sessions"), logins(sessions, () => render(page)))));
  return t("nav.account");
}

export const card = (title, ...body) => h("section", { class: "card" }, h("h2", {}, title), body);

function profile(user) {
  const fields = {
    username: field({ label: t("username"), hint: t("username.hint"), input: { autocomplete: "username", value: user.username ?? "" } }),
    display_name: field({ label: t("profile.name"), optional: true, input: { autocomplete: "name", autocapitalize: "words", value: user.extra.display_name ?? "" } }),
  };
  return form({
    fields,
    submit: t("save"),
    kind: "",
    act: async ({ username, display_name }) => {
      await api("PUT", "/api/v1/auth/me", { body: { username: username || undefined, extra: { display_name } } });
      await refresh();
      toast(t("saved"));
    },
  });
}

/** Language and theme are this browser's. */
function look() {
  const change = (what) => (event) => dispatchEvent(new CustomEvent("look", { detail: { [what]: event.target.value } }));
  return [
    field({ label: t("language"), control: choice({ onchange: change("language") }, Object.entries(LANGUAGES), language()) }),
    field({ label: t("theme"), control: choice({ onchange: change("theme") }, ["", "light", "dark"].map((one) => [one, t(`theme.${one || "system"}`)]), memory.get("theme") ?? "") }),
  ];
}

function password(user) {
  const fields = {
    password: field({ label: t("password.new"), hint: t("password.hint"), input: { type: "password", autocomplete: "new-password" } }),
    password_repeat: field({ label: t("password.repeat"), input: { type: "password", autocomplete: "new-password" } }),
  };
  const old = { password_old: field({ label: t("password.old"), input: { type: "password", autocomplete: "current-password" } }) };
  const it = form({
    fields: user.has_password ? { ...old, ...fields } : fields,
    submit: t("password.change"),
    kind: "",
    // password managers want to know whose it is
    extra: [h("input", { type: "text", autocomplete: "username", value: user.username ?? "", hidden: true })],
    act: async (values) => {
      try {
        await withCode((code) => api("PUT", "/api/v1/auth/password", { code, body: { ...values, user_id: user.id, username: session.user.username } }));
      } catch (problem) {
        if (problem.name === "AbortError") return;
        throw problem;
      }
      it.reset();
      toast(t("password.changed"));
    },
  });
  return [h("p", { class: "soft small" }, t("password.fresh")), it];
}

function logins(sessions, again) {
  const end = async (one) => {
    try {
      await api("DELETE", `/api/v1/auth/sessions/${one.id}`);
      toast(t("sessions.ended"));
      await again();
    } catch (problem) {
      oops(problem);
    }
  };
  const endOthers = async () => {
    if (!(await sure(t("sessions.others"), t("sessions.others.text"), t("sessions.others")))) return;
    try {
      await api("DELETE", "/api/v1/auth/sessions");
      toast(t("sessions.ended"));
      await again();
    } catch (problem) {
      oops(problem);
    }
  };
  return [
    h("ul", { class: "list" }, sessions.map((one) => h("li", { class: "line" },
      h("div", { class: "grow" }, h("strong", {}, client(one.user_agent)), " ", one.current && h("span", { class: "tag good" }, t("sessions.this")),
        h("div", { class: "soft small" }, one.last_used_ip, one.last_used_ip && ", ", when(one.last_used_at ?? one.created_at))),
      !one.current && button(t("sessions.end"), () => end(one), "small", { "aria-label": `${t("sessions.end")}: ${client(one.user_agent)}` })))),
    sessions.length > 1 && h("p", { class: "actions after" }, button(t("sessions.others"), endOthers, "danger small")),
  ];
}

/** What people call the program that a user agent stands for. */
function client(agent) {
  const browser = [["Edg", "Edge"], ["Firefox", "Firefox"], ["Chrome", "Chromium"], ["Safari", "Safari"]].find(([word]) => agent.includes(word))?.[1];
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]].find(([word]) => agent.includes(word))?.[1];
  return [browser, system].filter(Boolean).join(", ") || agent.slice(0, 40) || t("sessions.unknown");
}
