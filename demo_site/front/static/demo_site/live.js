// Keeps the parts of a page that are marked data-live up to date. Without this script a Refresh link does.
const EVERY = 1000; // milliseconds
const SLOWEST = 30000;
const shown = new WeakMap();

for (const part of document.querySelectorAll("[data-live]")) follow(part);

/** Fetch the part again and again until the server says that all is final. */
async function follow(part) {
  const body = part.querySelector("[data-live-body]");
  let pause = EVERY;
  tell(part, "", true);
  for (;;) {
    await wait(pause);
    await visible();
    try {
      const answer = await fetch(part.dataset.live);
      if (!answer.ok || answer.redirected) throw new Error(`status ${answer.status}`);
      show(body, await answer.text());
      const final = answer.headers.get("X-Live-Final") === "yes";
      tell(part, answer.headers.get("X-Live-Status") || (final ? "Up to date" : "Updating every second"), !final);
      if (final) return;
      pause = EVERY;
    } catch {
      if (pause === EVERY) tell(part, `Not updated since ${new Date().toLocaleTimeString()}`, false);
      pause = Math.min(pause * 2, SLOWEST);
    }
  }
}

/** Put in the new HTML; what was open stays open, what had the focus keeps it. */
function show(body, html) {
  if (shown.get(body) === html) return;
  const open = [...body.querySelectorAll("details[open][id]")].map((each) => each.id);
  const focused = body.contains(document.activeElement) ? document.activeElement.id : "";
  body.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  shown.set(body, html);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus();
}

/** Say how the part stands, where screen readers hear it; the link is for when nothing moves by itself. */
function tell(part, words, moving) {
  const note = part.querySelector("[data-live-note]");
  if (note.textContent !== words) note.textContent = words;
  part.querySelector("[data-live-refresh]").hidden = moving;
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}
