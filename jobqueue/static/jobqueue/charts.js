// @ts-check
/**
 * Draws charts over time with uPlot in the place of the server's: with zoom, values under the pointer, and series that
 * can be switched off. The numbers are those of `data-series`; tables and labels stay as they are.
 *
 * @typedef {{ key: string, label: string, colour: string, values: (number | null)[] }} Line
 * @typedef {{ times: number[], seconds: number, series: Line[] }} Series
 */

const HEIGHT = 200;
const DASHES = /** @type {Record<string, number[]>} */ ({ p95: [8, 4], p99: [2, 3], oldest: [12, 4, 2, 4] });
const BORDERS = /** @type {Record<string, string>} */ ({ p95: "dashed", p99: "dotted", oldest: "dashed" });
const language = document.documentElement.lang || undefined;
const counted = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
/** Marks of the axis of durations, as the server has them. */
const MARKS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 864000];
const UNITS = /** @type {[number, string][]} */ ([[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"], [0, "millisecond"]]);

/** @param {number | null | undefined} seconds */
function duration(seconds) {
  if (seconds == null) return "–";
  const [size, unit] = /** @type {[number, string]} */ (UNITS.find(([least]) => seconds >= least));
  const format = new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", maximumSignificantDigits: 3 });
  return format.format(seconds / (size || 0.001));
}

/** What is drawn in a figure. @type {Map<HTMLElement, { plot: any, series: Series, shown: Line[] }>} */
const drawn = new Map();

/** @param {HTMLElement} figure @param {Series} series */
function draw(figure, series) {
  drawn.get(figure)?.plot.destroy();
  const keys = (figure.dataset.keys ?? "").split(" ");
  const shown = series.series.filter((each) => keys.includes(each.key));
  const bars = figure.dataset.kind === "bars";
  const style = getComputedStyle(figure);
  const probe = figure.appendChild(document.createElement("span"));
  /** The colour of a token, as a canvas understands it. @param {string} name */
  const colour = (name) => { probe.style.color = `var(--jq-${name})`; return getComputedStyle(probe).color; };
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: `12px ${style.fontFamily}` };
  const zone = figure.dataset.zone;
  const tell = bars ? (/** @type {number | null} */ value) => (value == null ? "–" : counted.format(value)) : duration;
  const inks = shown.map((each) => colour(each.colour));
  probe.remove();
  const lines = shown.map((each, place) => ({
    label: each.label, stroke: inks[place], fill: bars ? inks[place] : undefined,
    width: bars ? 0 : 2, dash: DASHES[each.colour], points: { show: bars ? false : undefined, size: 4 }, spanGaps: false,
    // @ts-expect-error a global of its own script
    paths: bars ? uPlot.paths.bars({ size: [0.8, 40] }) : undefined,
    value: (/** @type {any} */ _plot, /** @type {any} */ _value, /** @type {any} */ _series, /** @type {number | null} */ index) => (index == null ? "" : tell(each.values[index])),
  }));
  // @ts-expect-error a global of its own script
  const plot = new uPlot({
    width: figure.clientWidth, height: HEIGHT, cursor: { y: false, points: { show: !bars } },
    scales: { x: { range: (/** @type {any} */ _plot, /** @type {number} */ from, /** @type {number} */ to) => [from - series.seconds / 2, to + series.seconds / 2] }, y: bars ? { range: (/** @type {any} */ _plot, /** @type {number} */ _low, /** @type {number} */ high) => [0, Math.max(high * 1.05, 2)] } : { distr: 3, log: 10 } },
    tzDate: (/** @type {number} */ time) => inZone(time, zone), legend: { markers: { dash: (/** @type {any} */ _plot, /** @type {number} */ place) => BORDERS[shown[place - 1]?.colour] ?? "solid" } },
    axes: [{ ...axis, space: 70, size: 30, values: (/** @type {any} */ _plot, /** @type {number[]} */ splits) => splits.map((split) => moment(split, series.seconds, zone)) }, { ...axis, size: 60,
      splits: bars ? undefined : (/** @type {any} */ _plot, /** @type {number} */ _axis, /** @type {number} */ low, /** @type {number} */ high) => MARKS.filter((mark) => low <= mark && mark <= high),
      filter: (/** @type {any} */ _plot, /** @type {number[]} */ splits) => splits, values: (/** @type {any} */ _plot, /** @type {(number | null)[]} */ splits) => splits.map((split) => (split == null ? "" : tell(split))) }],
    // Bars that stand upon others are drawn first, so the sum of all comes first.
    series: [{ label: figure.querySelector(".jq-as-table th")?.textContent ?? "", value: (/** @type {any} */ _plot, /** @type {number | null} */ time) => (time == null ? "" : moment(time, 0, zone)) }, ...(bars ? lines.reverse() : lines)],
    hooks: { drawAxes: [(/** @type {any} */ self) => frame(self, series, axis.stroke)], setSeries: bars ? [restack] : [] },
  }, data(shown, series, bars), figure);
  figure.querySelector(".jq-plot")?.after(plot.root);
  plot.root.setAttribute("role", "group");
  plot.root.setAttribute("aria-label", figure.querySelector(".jq-canvas")?.getAttribute("aria-label") ?? "");
  drawn.set(figure, { plot, series, shown });
  makeReachable(plot.root);
}

/** A time in the site's own zone, as the tables have it. @param {number} time @param {string | undefined} zone */
function inZone(time, zone) {
  // @ts-expect-error a global of its own script
  try { return uPlot.tzDate(new Date(time * 1000), zone); } catch { return new Date(time * 1000); } // a zone unknown here
}

/** @param {number} time @param {number} step seconds from mark to mark: 0 tells all @param {string | undefined} zone */
function moment(time, step, zone) {
  /** @type {Intl.DateTimeFormatOptions} */
  const shown = step >= 86400 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (step === 0 || (step >= 3600 && step < 86400)) Object.assign(shown, { month: "short", day: "numeric" });
  return inZone(time, zone).toLocaleString(language, shown);
}

/** The numbers as uPlot takes them; bars stand one upon the other. @param {Line[]} shown @param {Series} series @param {boolean} bars @param {(place: number) => boolean} [isOn] */
function data(shown, series, bars, isOn = () => true) {
  if (!bars) return [series.times, ...shown.map((each) => each.values.map((value) => value || null))];
  const sums = series.times.map(() => 0);
  const stacks = shown.map((each, place) => each.values.map((value, point) => (isOn(place) ? sums[point] += value ?? 0 : 0)));
  return [series.times, ...stacks.reverse()];
}

/** Let bars fall upon those that are left. @param {any} plot */
function restack(plot) {
  const here = Array.from(drawn.values()).find((each) => each.plot === plot);
  if (!here) return;
  const last = here.shown.length;
  const isOn = (/** @type {number} */ place) => plot.series[last - place].show;
  queueMicrotask(() => plot.setData(data(here.shown, here.series, true, isOn), false));
}

/** Frame the last point with dashes: it is not over yet. @param {any} plot @param {Series} series @param {string} stroke */
function frame(plot, series, stroke) {
  const last = series.times[series.times.length - 1], half = series.seconds / 2, { ctx, bbox } = plot;
  const [from, to] = [plot.valToPos(last - half, "x", true), plot.valToPos(last + half, "x", true)];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.setLineDash([4, 4]);
  ctx.strokeStyle = stroke;
  ctx.strokeRect(from, bbox.top, to - from, bbox.height + 2);
  ctx.restore();
}

/** Have the legend's switches work by keyboard, too. @param {HTMLElement} root */
function makeReachable(root) {
  root.querySelectorAll(".u-series").forEach((row, place) => {
    const name = /** @type {HTMLElement | null} */ (place ? row.querySelector(".u-label") : null);
    if (!name) return;
    const tellState = () => name.setAttribute("aria-pressed", String(!row.classList.contains("u-off")));
    name.tabIndex = 0;
    name.setAttribute("role", "button");
    tellState();
    row.addEventListener("click", () => queueMicrotask(tellState));
    name.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      name.click();
    });
  });
}

/** Fetch the numbers of some figures, each address once. @param {Iterable<HTMLElement>} figures */
async function load(figures) {
  const wanted = new Map(Array.from(figures, (figure) => [figure, figure.dataset.series ?? ""]));
  for (const url of new Set(wanted.values())) {
    const response = await fetch(url, { redirect: "manual" }).catch(() => null);
    if (!response?.ok) continue; // what the server drew stays
    const series = await response.json();
    for (const [figure, theirs] of wanted) if (theirs === url) place(figure, series);
  }
}

/** Draw, or change the numbers of what is drawn: zoom and switches stay. @param {HTMLElement} figure @param {Series} series */
function place(figure, series) {
  const here = drawn.get(figure);
  if (!here || here.shown.length !== (figure.dataset.keys ?? "").split(" ").length) return draw(figure, series);
  const { plot, series: before } = here;
  const isZoomed = plot.scales.x.min > before.times[0] || plot.scales.x.max < before.times[before.times.length - 1];
  here.series = series;
  here.shown = series.series.filter((each) => here.shown.some((mine) => mine.key === each.key));
  const bars = figure.dataset.kind === "bars", last = here.shown.length;
  plot.setData(data(here.shown, series, bars, (index) => plot.series[last - index].show), !isZoomed);
}

const figures = (/** @type {ParentNode} */ root) => Array.from(root.querySelectorAll("figure[data-series]"), (each) => /** @type {HTMLElement} */ (each));

function redraw() {
  for (const [figure, { series, plot }] of drawn) {
    if (figure.isConnected) draw(figure, series);
    else { plot.destroy(); drawn.delete(figure); }
  }
}

const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => {
  const plot = drawn.get(/** @type {HTMLElement} */ (target))?.plot;
  if (plot && target.clientWidth && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: HEIGHT });
}));

/** @param {HTMLElement[]} found */
function begin(found) {
  load(found);
  found.forEach((each) => sizes.observe(each));
}

begin(figures(document));
document.addEventListener("jobqueue:updated", (event) => begin(figures(/** @type {Element} */ (event.target))));
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme", "class", "dir"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
