// What htmx does not do: say that the page has gone stale, and draw the charts.
"use strict";

// A page that cannot reach the collector must not look live.
function stale(is) {
  document.body.classList.toggle("stale", is);
  document.getElementById("offline").hidden = !is;
}
document.addEventListener("htmx:error", () => stale(true));
document.addEventListener("htmx:after:request", (event) => {
  stale(event.detail.ctx.response.status >= 500);
});

const CHART_HEIGHT_PX = 190;
const CHARTS_REFRESH_MS = 5 * 60 * 1000;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Times stand in the site's zone, wherever the reader is.
function clock(s, zone) {
  return uPlot.tzDate(new Date(s * 1000), zone).toTimeString().slice(0, 5);
}

function axes(unit, zone) {
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const line = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 } };
  const values = (_, ticks) => ticks.map((tick) => `${number.format(tick)} ${unit}`);
  const clocks = (_, ticks) => ticks.map((tick) => clock(tick, zone));
  return [{ ...line, values: clocks }, { ...line, values, size: 80 }];
}

function draw(host, title, unit, at, lines) {
  const place = host.appendChild(document.createElement("div"));
  place.className = "chart";
  const options = {
    title,
    width: place.clientWidth - 18,
    height: CHART_HEIGHT_PX,
    tzDate: (s) => uPlot.tzDate(new Date(s * 1000), host.dataset.zone),
    axes: axes(unit, host.dataset.zone),
    scales: { y: { range: (_, low, high) => [0, unit === "%" ? 100 : Math.max(high * 1.1, 0.1)] } },
    series: [
      { label: host.dataset.time, value: (_, s) => (s == null ? "–" : clock(s, host.dataset.zone)) },
      ...lines.map(([label, , stroke, dash]) => ({
        label, dash, stroke: colour(stroke), width: 2, spanGaps: false,
        value: (_, y) => (y == null ? "–" : `${y.toFixed(1)} ${unit}`),
      })),
    ],
  };
  const plot = new uPlot(options, [at, ...lines.map(([, values]) => values)], place);
  new ResizeObserver(() => {
    plot.setSize({ width: place.clientWidth - 18, height: CHART_HEIGHT_PX });
  }).observe(place);
}

function scale(values, factor) {
  return values.map((value) => (value == null ? null : value * factor));
}

async function charts(host) {
  const note = host.querySelector("[data-chart-note]");
  const words = host.dataset;
  let series;
  try {
    const answer = await fetch(words.series);
    if (!answer.ok) throw new Error(String(answer.status));
    series = await answer.json();
  } catch {
    note.textContent = words.failed;
    note.hidden = false;
    return;
  }
  const known = [...series.cpu_permille, ...series.sent_bytes_per_s].some((v) => v != null);
  note.textContent = words.empty;
  note.hidden = known;
  host.querySelectorAll(".chart").forEach((old) => old.remove());
  if (!known) return;
  const at = scale(series.at_ms, 1e-3);
  draw(host, `${words.cpu} · ${words.memory}`, "%", at, [
    [words.cpu, scale(series.cpu_permille, 0.1), "--link"],
    [words.memory, scale(series.memory_permille, 0.1), "--silent"],
  ]);
  draw(host, `${words.up} · ${words.down}`, "Mbit/s", at, [
    [words.up, scale(series.sent_bytes_per_s, 8e-6), "--degraded", [4, 4]],
    [words.down, scale(series.received_bytes_per_s, 8e-6), "--up"],
  ]);
}

for (const host of document.querySelectorAll("[data-series]")) {
  charts(host);
  setInterval(() => charts(host), CHARTS_REFRESH_MS);
}
