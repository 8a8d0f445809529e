// What came, what went and what is left, day by day, as a drawing that also says itself in words.

import { api, fill, h, language, sat, svg, t } from "../ui/kit.js";

const DAYS = 30;
const DAY = 86_400_000;
const [WIDTH, HEIGHT, FLOW] = [600, 190, 60];

export default async function draw(card, wallet, signal) {
  const today = Math.floor(Date.now() / DAY) * DAY;
  const first = today - (DAYS - 1) * DAY;
  const query = new URLSearchParams({ group: "day", "time[ge]": new Date(first).toISOString() });
  const history = await api("GET", `/api/v1/payments/history?${query}`, { wallet: wallet.id, signal });
  const known = new Map(history.map((day) => [Date.parse(day.date), day]));
  // a day on which nothing happened ends as the one before it did
  let balance = history.length ? history[0].balance - history[0].income + Math.abs(history[0].spending) : wallet.balance_msat;
  const days = Array.from({ length: DAYS }, (_, at) => {
    const day = known.get(first + at * DAY);
    balance = day?.balance ?? balance;
    return { at: first + at * DAY, balance, income: day?.income ?? 0, spending: Math.abs(day?.spending ?? 0) };
  });
  // where nothing happened, there is nothing to draw
  card.hidden = !days.some((day) => day.income || day.spending || day.balance);
  const total = (name) => days.reduce((sum, day) => sum + day[name], 0);
  const said = t("chart.said", { days: DAYS, in: sat(total("income")), out: sat(total("spending")), now: sat(days.at(-1).balance) });
  const title = card.querySelector("h2");
  fill(card, title, picture(days, said), h("p", { class: "soft small legend" },
    h("span", { class: "key-in" }, t("chart.in"), " ", h("span", { class: "money" }, sat(total("income")))),
    h("span", { class: "key-out" }, t("chart.out"), " ", h("span", { class: "money" }, sat(total("spending")))), h("span", {}, t("chart.days", { n: DAYS }))));
}

function picture(days, said) {
  const most = Math.max(...days.map((day) => day.balance), 1);
  const flow = Math.max(...days.map((day) => Math.max(day.income, day.spending)), 1);
  const top = HEIGHT - FLOW - 16;
  const step = WIDTH / days.length;
  const x = (at) => at * step + step / 2;
  const y = (value) => 8 + (top - 8) * (1 - value / most);
  const points = days.map((day, at) => `${x(at).toFixed(1)} ${y(day.balance).toFixed(1)}`);
  const middle = HEIGHT - FLOW / 2;
  const bar = (day, at, name) => {
    const tall = (day[name] / flow) * (FLOW / 2 - 2);
    return tall > 0 && svg("rect", { class: name, x: (x(at) - step * 0.3).toFixed(1), width: (step * 0.6).toFixed(1), rx: 2, y: (name === "income" ? middle - tall : middle).toFixed(1), height: Math.max(tall, 1.5).toFixed(1) });
  };
  const date = new Intl.DateTimeFormat(language(), { day: "numeric", month: "short", timeZone: "UTC" });
  return svg("svg", { class: "drawing", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": said, preserveAspectRatio: "none" },
    svg("path", { class: "area", d: `M${x(0)} ${top} L${points.join(" L")} L${x(days.length - 1).toFixed(1)} ${top} Z` }),
    svg("path", { class: "balance-line", d: `M${points.join(" L")}` }),
    svg("line", { class: "zero", x1: 0, x2: WIDTH, y1: middle, y2: middle }),
    days.map((day, at) => [
      bar(day, at, "income"), bar(day, at, "spending"),
      svg("rect", { class: "day", x: at * step, y: 0, width: step, height: HEIGHT },
        svg("title", {}, `${date.format(day.at)}: ${sat(day.balance)} sat, +${sat(day.income)}, −${sat(day.spending)}`)),
    ]));
}
