// Signing in, by everything that the server allows; or opening an account.

import { api, button, field, fill, form, go, h, problemTexts, Refused, session, t } from "../ui/kit.js";

const PROVIDERS = { "google-auth": ["google", "Google"], "github-auth": ["github", "GitHub"], "keycloak-auth": ["keycloak", "Keycloak"], "oidc-auth": ["oidc", "OpenID Connect"] };
/** Kind of a Nostr event that stands for a request (NIP-98). */
const HTTP_AUTH = 27235;

export default function render(page, { query }) {
  if (session.user) {
    go("/wallet", { replace: true });
    return t("nav.wallet");
  }
  if (session.server && !session.server.installed) {
    go("/first_install", { replace: true });
    return t("install.title");
  }
  const registering = query.has("register") && session.server?.registration;
  const methods = session.server?.login_methods ?? [];
  const title = registering ? t("register.title") : t("signin.title");
  fill(page, h("div", { class: "narrow" }, h("h1", { tabindex: "-1" }, title),
    query.has("next") && h("p", { class: "notice" }, t("signin.next")),
    session.server?.play_money && h("p", { class: "lead" }, t("play.long")),
    h("section", { class: "card" }, registering ? register() : methods.includes("username-password") && password(),
      !registering && others(methods)),
    h("p", { class: "actions" }, session.server?.registration && (registering
      ? h("a", { href: "/" }, t("register.have"))
      : h("a", { href: "/?register" }, t("register.link"))))));
  return title;
}

const welcome = () => dispatchEvent(new CustomEvent("signed-in"));

/** Name and password; then a one-time code where the account has them. */
function password() {
  const place = h("div", {});
  const name = field({ label: t("username.or"), input: { name: "username", autocomplete: "username webauthn", required: true } });
  const secret = field({ label: t("password"), input: { name: "password", type: "password", autocomplete: "current-password", required: true } });
  const first = form({
    fields: { username: name, password: secret },
    submit: t("signin.submit"),
    act: async (values) => {
      try {
        await api("POST", "/api/v1/auth", { body: values });
      } catch (problem) {
        if (problem.code !== "otp_required") throw problem;
        secondStep(place, values);
        return;
      }
      welcome();
    },
  });
  fill(place, first);
  return place;
}

function secondStep(place, values) {
  const code = field({ label: t("otp.code"), hint: t("otp.hint"), input: { autocomplete: "one-time-code", maxlength: "40" } });
  const heading = h("h2", {}, t("otp.title"));
  fill(place, heading, h("p", {}, t("otp.text")), form({
    fields: { otp_code: code },
    submit: t("signin.submit"),
    act: async ({ otp_code }) => {
      await api("POST", "/api/v1/auth", { body: { ...values, otp_code: otp_code.trim() } });
      welcome();
    },
  }), h("p", {}, h("a", { href: "/" }, t("back"))));
  place.nextElementSibling?.remove();
  code.control.focus();
}

/** What else there is: passkeys where the browser knows them, a Nostr extension, providers that are configured. */
function others(methods) {
  const wrong = h("p", { class: "notice bad", role: "alert", hidden: true });
  const trying = (act) => async () => {
    wrong.hidden = true;
    try {
      await act();
      welcome();
    } catch (problem) {
      // who closes the browser's own window meant it
      if (problem.name === "NotAllowedError" || problem.name === "AbortError") return;
      const { text } = problemTexts(problem);
      fill(wrong, text, problem instanceof Refused && problem.requestId && h("span", { class: "request-id" }, t("error.id", { id: problem.requestId })));
      wrong.hidden = false;
    }
  };
  const ways = [];
  if (globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) ways.push(button(t("signin.passkey"), trying(byPasskey), "wide"));
  if (methods.includes("nostr-auth-nip98")) ways.push(button(t("signin.nostr"), trying(byNostr), "wide"));
  for (const [method, [path, name]] of Object.entries(PROVIDERS)) {
    if (methods.includes(method)) ways.push(h("a", { class: "button wide", href: `/api/v1/auth/${path}` }, t("signin.with", { name })));
  }
  if (!ways.length) return [];
  return h("div", {}, methods.includes("username-password") && h("p", { class: "or" }, t("or")), wrong, h("div", { class: "stack" }, ways));
}

async function byPasskey() {
  const options = await api("POST", "/api/v1/auth/passkey/start", { body: {} });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey ?? options);
  const credential = await navigator.credentials.get({ publicKey });
  await api("POST", "/api/v1/auth/passkey/finish", { body: { credential: credential.toJSON() } });
}

async function byNostr() {
  if (!globalThis.nostr) throw new Error(t("signin.nostr.none"));
  const url = `${location.origin}/api/v1/auth/nostr`;
  const event = await globalThis.nostr.signEvent({
    kind: HTTP_AUTH, created_at: Math.floor(Date.now() / 1000), content: "", tags: [["u", url], ["method", "POST"]],
  });
  const bytes = new TextEncoder().encode(JSON.stringify(event));
  await api("POST", "/api/v1/auth/nostr", { headers: { Authorization: `Nostr ${btoa(String.fromCharCode(...bytes))}` } });
}

function register() {
  const fields = {
    username: field({ label: t("username"), hint: t("username.hint"), input: { name: "username", autocomplete: "username", required: true } }),
    password: field({ label: t("password"), hint: t("password.hint"), input: { name: "password", type: "password", autocomplete: "new-password", required: true } }),
    password_repeat: field({ label: t("password.repeat"), input: { type: "password", autocomplete: "new-password", required: true } }),
  };
  if (session.server.invitation_code) fields.invitation_code = field({ label: t("register.code"), input: { autocomplete: "off" } });
  return form({
    fields,
    submit: t("register.submit"),
    act: async (values) => {
      await api("POST", "/api/v1/auth/register", { body: values });
      welcome();
    },
  });
}
