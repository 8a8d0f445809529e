// The frame around the pages: what the address means, the bar above, the line below, and who is signed in.

import { api, button, choice, fill, go, h, LANGUAGES, language, memory, problemTexts, Refused, refresh, session, speak, t } from "./ui/kit.js";

/**
 * Address → its module, and who may see it: `anybody`, `user` or `super`. A module's default export takes the
 * `main` element and `{ query, signal, path }`, fills it, and answers the page's title. `signal` aborts when the page is left.
 */
const PAGES = {
  "/": { load: () => import("./pages/signin.js"), who: "anybody" },
  "/first_install": { load: () => import("./pages/first-install.js"), who: "anybody" },
  "/wallet": { load: () => import("./pages/wallet.js"), who: "user", nav: "nav.wallet" },
  "/wallets": { load: () => import("./pages/wallets.js"), who: "user", nav: "nav.wallets" },
  "/account": { load: () => import("./pages/account.js"), who: "user", nav: "nav.account" },
};
const MISSING = { load: () => import("./pages/missing.js"), who: "anybody" };

const main = h("main", { id: "main", tabindex: "-1" });
const bar = h("header", { class: "bar" });
const foot = h("footer", { class: "foot" });
let left = new AbortController();

async function start() {
  dress();
  const wanted = memory.get("language") ?? navigator.language.slice(0, 2);
  // the page's own module comes along with the words; what becomes of it is seen when it is shown
  PAGES[location.pathname]?.load().catch(() => null);
  const signedIn = document.cookie.includes("is_lnbits_user_authorized=true");
  const [, server, user] = await Promise.all([
    speak(wanted),
    api("GET", "/api/v1/server").catch(() => null),
    signedIn ? api("GET", "/api/v1/auth").catch(() => null) : null,
  ]);
  session.server = server;
  session.user = user;
  fill(document.getElementById("app"),
    h("a", { class: "skip", href: "#main", onclick: skip }, t("skip")), h("div", { class: "progress", "aria-hidden": "true" }), bar, main, foot);
  await show();
}

function skip(event) {
  event.preventDefault();
  main.focus();
}

/** The theme this browser was told, or else what the system likes. */
function dress() {
  const theme = memory.get("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

async function show() {
  left.abort();
  left = new AbortController();
  const { signal } = left;
  const path = location.pathname.length > 1 ? location.pathname.replace(/\/$/, "") : "/";
  const page = PAGES[path] ?? MISSING;
  if (page.who !== "anybody" && !session.user) {
    return go(`/?next=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
  }
  if (page.who === "super" && !session.user.super_user) return go("/wallet", { replace: true });
  frame(path);
  const fresh = h("div", { class: "page" });
  try {
    const render = (await page.load()).default;
    const title = await render(fresh, { query: new URLSearchParams(location.search), signal, path });
    if (signal.aborted) return;
    document.title = `${title} – ${session.server?.site_title ?? "Satchel"}`;
  } catch (problem) {
    if (signal.aborted) return;
    failed(fresh, problem);
  }
  fill(main, fresh);
  scrollTo(0, 0);
  if (shown) main.querySelector("h1")?.focus({ preventScroll: true });
  shown = true;
  document.documentElement.dataset.ready = path;
  performance.mark("ready");
}
let shown = false;

function failed(node, problem) {
  const id = problem instanceof Refused ? problem.requestId : undefined;
  fill(node, h("h1", { tabindex: "-1" }, t("error.title")), h("p", { class: "notice bad", role: "alert" }, problemTexts(problem).text),
    id && h("p", { class: "request-id" }, t("error.id", { id })), h("p", {}, button(t("again"), show, "primary")));
  document.title = t("error.title");
}

function frame(path) {
  delete document.documentElement.dataset.ready;
  const home = session.user ? "/wallet" : "/";
  const link = (to, text) => h("a", { href: to, "aria-current": to === path && "page" }, text);
  const mine = Object.entries(PAGES).filter(([, page]) => page.nav && (page.who !== "super" || session.user?.super_user));
  fill(bar,
    h("a", { class: "brand", href: home }, h("img", { src: "/static/satchel.svg", alt: "", width: "28", height: "28" }), session.server?.site_title ?? "Satchel"),
    session.server?.play_money && h("span", { class: "tag" }, t("play.short")),
    h("nav", { "aria-label": t("nav") }, session.user ? mine.map(([to, page]) => link(to, t(page.nav))) : [], session.user && button(t("signout"), signOut, "plain")));
  fill(foot,
    h("label", { class: "inline" }, t("language"), choice({ onchange: (event) => changeLanguage(event.target.value) }, Object.entries(LANGUAGES), language())),
    h("label", { class: "inline" }, t("theme"), choice({ onchange: (event) => changeTheme(event.target.value) }, ["", "light", "dark"].map((one) => [one, t(`theme.${one || "system"}`)]), memory.get("theme") ?? "")),
    h("a", { href: "/docs" }, t("docs")));
}

async function changeLanguage(to) {
  memory.set("language", to);
  await speak(to);
  await show();
}

function changeTheme(to) {
  memory.set("theme", to || null);
  dress();
  foot.querySelectorAll("select")[1].value = to;
}

async function signOut() {
  await api("POST", "/api/v1/auth/logout").catch(() => null);
  session.user = null;
  go("/");
}

addEventListener("popstate", show);
addEventListener("look", ({ detail }) => {
  if (detail.language !== undefined) changeLanguage(detail.language);
  if (detail.theme !== undefined) changeTheme(detail.theme);
});
addEventListener("frame", () => frame(location.pathname));
addEventListener("signed-in", async () => {
  // should the account not be readable right now, the page says so
  await refresh().catch(() => null);
  if (!session.user) return show();
  const next = new URLSearchParams(location.search).get("next");
  // only to a page of our own, whatever the link said
  return go(next && next.split("?")[0] in PAGES ? next : "/wallet", { replace: true });
});
addEventListener("signed-out", () => {
  session.user = null;
  go(`/?next=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target || link.hasAttribute("download")) return;
  const to = new URL(link.href);
  if (to.origin !== location.origin || !(to.pathname in PAGES) || (to.hash && to.pathname === location.pathname)) return;
  event.preventDefault();
  go(to.pathname + to.search);
});

start();
