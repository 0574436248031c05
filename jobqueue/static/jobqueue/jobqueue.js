// @ts-check
/**
 * What makes the dashboard's pages live: parts that update themselves, keys, copying, selecting. Pages work without it.
 * It needs Idiomorph. All words come from the page.
 */

const page = /** @type {HTMLElement} */ (document.querySelector(".jq-page"));
const bar = /** @type {HTMLElement} */ (page.querySelector(".jq-updates"));
const FIELDS = "input:not([type=checkbox]), textarea, select:not([data-updates]), [contenteditable=true]";
const SLOW_SECONDS = 60;
const PATIENCE_SECONDS = 15;
const SPEAK_SECONDS = 30;

// --- what this browser remembers ---

const memory = {
  /** @param {string} key @returns {string | null} */
  get(key) {
    try { return localStorage.getItem(`jobqueue.${key}`); } catch { return null; } // storage may be forbidden
  },
  /** @param {string} key @param {string} value */
  set(key, value) {
    try { localStorage.setItem(`jobqueue.${key}`, value); } catch { /* then it is for this page only */ }
  },
};

// --- the status line, which speaks seldom ---

const line = /** @type {HTMLElement} */ (bar.querySelector(".jq-status"));
let spokenAt = -Infinity, speaking = 0;

/** @param {string} text @param {boolean} [atOnce] answers to what the reader has just done do not wait */
function say(text, atOnce = false) {
  clearTimeout(speaking);
  if (line.textContent === text) return;
  const pause = atOnce ? 0 : Math.max(spokenAt + SPEAK_SECONDS * 1000 - performance.now(), 0);
  speaking = setTimeout(() => {
    line.textContent = text;
    if (!atOnce) spokenAt = performance.now();
  }, pause);
}

// --- live parts ---

/** @type {Map<string, string>} */
const etags = new Map();
const choice = /** @type {HTMLSelectElement | null} */ (bar.querySelector("[data-updates]"));
let timer = 0, pressed = false, seen = new Date(), stale = false, lastChoice = "";

/** Whether the reader is busy with what would change under the hands. */
const isHeld = () => Boolean(
  document.hidden || pressed || document.activeElement?.matches(FIELDS) || !getSelection()?.isCollapsed || isSelecting()
);
const isSelecting = () => page.querySelector("input[name=ids]:checked") !== null;

async function poll() {
  if (isHeld()) {
    if (isSelecting()) say(bar.dataset.held ?? "");
    return again(1);
  }
  try {
    await Promise.all(Array.from(page.querySelectorAll("section[data-part]"), update));
    if (stale) say(bar.dataset.fresh ?? "");
    else if (line.textContent === bar.dataset.held) say("", true);
    [seen, stale] = [new Date(), false];
    again(seconds());
  } catch (error) {
    if (error instanceof SignedOut) return askToSignIn();
    stale = true;
    say((bar.dataset.stale ?? "").replace("%s", seen.toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" })));
    again(Math.max(seconds(), SLOW_SECONDS));
  }
}

class SignedOut extends Error {}

/** @param {Element} section */
async function update(section) {
  const name = /** @type {HTMLElement} */ (section).dataset.part ?? "";
  const response = await fetch(page.dataset.partUrl + name, {
    headers: etags.has(name) ? { "If-None-Match": /** @type {string} */ (etags.get(name)) } : {},
    cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(PATIENCE_SECONDS * 1000),
  });
  if (response.type === "opaqueredirect" || response.status === 403) throw new SignedOut();
  if (response.status === 304) return;
  if (!response.ok) throw new Error(String(response.status));
  const text = await response.text();
  if (isHeld()) return; // somebody has begun to select meanwhile; the next look brings it
  etags.set(name, response.headers.get("ETag") ?? "");
  // @ts-expect-error a global of its own script
  Idiomorph.morph(section, text, { morphStyle: "innerHTML", callbacks: {
    beforeAttributeUpdated: (/** @type {string} */ attribute, /** @type {Element} */ node) =>
      !(attribute === "open" && node.matches("details")) && !(attribute === "hidden" && node.matches(SCRIPTED)),
    beforeNodeRemoved: (/** @type {Node} */ node) => !(node instanceof Element && node.matches(".uplot")),
  } });
  show(section);
  section.dispatchEvent(new CustomEvent("jobqueue:updated", { bubbles: true }));
}

const seconds = () => Number(choice?.value ?? 0);

/** @param {number} pause */
function again(pause) {
  clearTimeout(timer);
  if (seconds() > 0 && !choice?.disabled) timer = setTimeout(poll, pause * 1000);
}

function askToSignIn() {
  clearTimeout(timer);
  if (choice) choice.disabled = true;
  say(bar.dataset.signedOut ?? "", true);
  /** @type {HTMLElement} */ (bar.querySelector("[data-sign-in]")).hidden = false;
}

/** @param {string} value */
function choose(value) {
  if (!choice || choice.disabled) return;
  choice.value = value;
  if (choice.selectedIndex < 0) choice.selectedIndex = 1; // remembered, and no longer allowed
  memory.set("updates", choice.value);
  again(seconds());
}

function toggle() {
  if (!choice) return;
  const isOn = seconds() > 0;
  if (isOn) lastChoice = choice.value;
  choose(isOn ? "0" : lastChoice || choice.options[1].value);
  say((isOn ? bar.dataset.off : bar.dataset.on) ?? "", true);
}

// --- copying and selecting ---

const SCRIPTED = "[data-copy], [data-needs-script]";

/** Show what works with this script only. @param {Element} root */
function show(root) {
  root.querySelectorAll(SCRIPTED).forEach((each) => { /** @type {HTMLElement} */ (each).hidden = false; });
}

page.addEventListener("click", async (event) => {
  const target = /** @type {Element} */ (event.target);
  const copied = /** @type {HTMLElement | null} */ (target.closest("[data-copy]"));
  if (copied) {
    try {
      const text = copied.dataset.copy || document.getElementById(copied.dataset.copyFrom ?? "")?.textContent;
      await navigator.clipboard.writeText(text ?? "");
      say(bar.dataset.copied ?? "", true);
    } catch { say(bar.dataset.uncopied ?? "", true); } // no https, or forbidden
  }
  if (target.closest("[data-help]")) help.showModal();
});

page.addEventListener("change", (event) => {
  const box = /** @type {HTMLInputElement} */ (event.target);
  const table = box.closest("table, form") ?? page;
  if (box.matches("[data-select-all]")) {
    table.querySelectorAll("input[name=ids]").forEach((each) => { /** @type {HTMLInputElement} */ (each).checked = box.checked; });
  }
  if (box.matches("[data-select-all], input[name=ids]")) tellSelected(table);
  if (box.matches("[data-keys]")) memory.set("keys", box.checked ? "on" : "off");
  if (box === /** @type {Element | null} */ (choice)) choose(box.value);
});

/** @param {Element} table */
function tellSelected(table) {
  const boxes = table.querySelectorAll("input[name=ids]"), chosen = table.querySelectorAll("input[name=ids]:checked");
  page.querySelectorAll("[data-selected]").forEach((each) => {
    each.textContent = (/** @type {HTMLElement} */ (each).dataset.selected ?? "").replace("%s", String(chosen.length)).replace("%t", String(boxes.length));
  });
  const all = /** @type {HTMLInputElement | null} */ (table.querySelector("[data-select-all]"));
  if (all) [all.checked, all.indeterminate] = [chosen.length === boxes.length, 0 < chosen.length && chosen.length < boxes.length];
}

// --- keys: none of them changes anything but this page ---

const help = /** @type {HTMLDialogElement} */ (page.querySelector("dialog.jq-keys"));
const wanted = /** @type {HTMLInputElement} */ (help.querySelector("[data-keys]"));
let going = -Infinity;

/** @type {Record<string, () => void>} */
const KEYS = {
  "?": () => help.showModal(),
  "/": () => /** @type {HTMLElement | null} */ (page.querySelector("input[type=search], input[name=q]"))?.focus(),
  g: () => { going = performance.now(); },
  j: () => step(1),
  k: () => step(-1),
  x: () => /** @type {HTMLElement | null | undefined} */ (document.activeElement?.closest("tr")?.querySelector("input[name=ids]"))?.click(),
  u: toggle,
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof Element && event.target.matches(FIELDS + ", select");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || help.open || !wanted.checked) return;
  const isGoing = performance.now() - going < 1500;
  going = -Infinity;
  const link = isGoing && /^[a-z]$/.test(event.key) ? page.querySelector(`.jq-nav a[data-key="${event.key}"]`) : null;
  const act = link ? () => /** @type {HTMLElement} */ (link).click() : isGoing ? undefined : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

/** Go to the first link of another row. @param {number} by */
function step(by) {
  const rows = Array.from(page.querySelectorAll("tbody tr")).filter((row) => row.querySelector("a[href]") && row.checkVisibility?.() !== false);
  if (!rows.length) return;
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + by, 0), rows.length - 1);
  /** @type {HTMLElement} */ (rows[next].querySelector("a[href]")).focus();
}

// --- begin ---

document.addEventListener("pointerdown", () => { pressed = true; });
["pointerup", "pointercancel", "blur"].forEach((name) => addEventListener(name, () => { pressed = false; }));
document.addEventListener("visibilitychange", () => { if (!document.hidden && !stale) again(0); });

wanted.checked = memory.get("keys") !== "off";
/** @type {HTMLElement} */ (bar.querySelector("[data-help]")).hidden = false;
show(page);
for (const tab of page.querySelectorAll("nav [aria-current]")) { // on a phone; sideways alone
  const [here, row] = [tab, tab.closest("ul")].map((each) => each?.getBoundingClientRect());
  if (here && row && (here.right > row.right || here.left < row.left)) tab.closest("ul")?.scrollBy(here.left - row.left, 0);
}
if (choice && page.querySelector("section[data-part]")) {
  /** @type {HTMLElement} */ (choice.closest("label")).hidden = false;
  /** @type {HTMLElement} */ (bar.querySelector("[data-refresh]")).hidden = true;
  choose(memory.get("updates") ?? choice.value);
}
