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
// A newcomer waits for its first figures.
const CHARTS_EMPTY_REFRESH_MS = 15 * 1000;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Times stand in the site's zone, wherever the reader is.
function clock(s, zone) {
  return uPlot.tzDate(new Date(s * 1000), zone).toTimeString().slice(0, 5);
}

function written(value, digits) {
  const options = { maximumFractionDigits: digits };
  return new Intl.NumberFormat(document.documentElement.lang, options).format(value);
}

// A value alone between two holes makes no line; it is drawn as a dot.
function alone(plot, line) {
  const values = plot.data[line];
  const is = (at) => values[at] != null;
  return values.flatMap((_, at) => (is(at) && !is(at - 1) && !is(at + 1) ? [at] : []));
}

function axes(unit, zone) {
  const line = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 } };
  const values = (_, ticks) => ticks.map((tick) => `${written(tick, 3)} ${unit}`);
  const clocks = (_, ticks) => ticks.map((tick) => clock(tick, zone));
  return [{ ...line, values: clocks }, { ...line, values, size: 80 }];
}

// Gives whether there was anything to draw; until there is, words stand in the chart's place.
function draw(host, title, unit, at, lines) {
  const place = host.appendChild(document.createElement("div"));
  place.className = "chart";
  if (lines.every(([, values]) => values.every((value) => value == null))) {
    place.append(Object.assign(document.createElement("b"), { textContent: title }));
    place.append(Object.assign(document.createElement("p"), { textContent: host.dataset.empty }));
    return false;
  }
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
        points: { filter: alone },
        value: (_, y) => (y == null ? "–" : `${written(y, 2)} ${unit}`),
      })),
    ],
  };
  const plot = new uPlot(options, [at, ...lines.map(([, values]) => values)], place);
  new ResizeObserver(() => {
    plot.setSize({ width: place.clientWidth - 18, height: CHART_HEIGHT_PX });
  }).observe(place);
  return true;
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
    return false;
  }
  note.hidden = true;
  host.querySelectorAll(".chart").forEach((old) => old.remove());
  const at = scale(series.at_ms, 1e-3);
  const used = draw(host, `${words.cpu} · ${words.memory}`, "%", at, [
    [words.cpu, scale(series.cpu_permille, 0.1), "--link"],
    [words.memory, scale(series.memory_permille, 0.1), "--silent"],
  ]);
  const moved = draw(host, `${words.up} · ${words.down}`, "Mbit/s", at, [
    [words.up, scale(series.sent_bytes_per_s, 8e-6), "--degraded", [4, 4]],
    [words.down, scale(series.received_bytes_per_s, 8e-6), "--up"],
  ]);
  return used && moved;
}

async function keep(host) {
  const complete = await charts(host);
  setTimeout(() => keep(host), complete ? CHARTS_REFRESH_MS : CHARTS_EMPTY_REFRESH_MS);
}

document.querySelectorAll("[data-series]").forEach(keep);
