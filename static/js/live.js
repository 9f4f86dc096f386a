// Keeps a page up to date while somebody looks at it: the server says when something that the page shows has changed,
// and the page fetches itself again. A page that nobody sees watches nothing, and catches up when it is seen again.

import { refresh } from "./refresh.js";

const root = document.querySelector("[data-live]");
const NOT_SOONER = 500, FIRST_RETRY = 1000, LAST_RETRY = 30000, WITHOUT_SOCKET = 10000;
const MAY_NOT = 1008; // Policy violation, in RFC 6455

if (root) {
  const own = root.dataset.live.split(" ").filter(Boolean);
  const counters = root.dataset.counters.split(" ").filter(Boolean);
  const watched = [...new Set([...own, ...counters])];
  let socket = null, opened = false, over = false, retry = FIRST_RETRY, timer = 0, again = 0, busy = false, asked = false;

  // One request at a time, however fast changes come; the last change is always seen.
  async function update() {
    if (busy) { asked = true; return; }
    if (document.querySelector("form[data-sent]")) return; // Another page is on its way.
    busy = true;
    const done = await refresh(own.length ? undefined : root.dataset.countersUrl);
    busy = false;
    if (done === "barred") { over = true; close(); return; }
    if (asked || done === false) { asked = false; later(done === false ? WITHOUT_SOCKET : NOT_SOONER); }
  }

  function later(wait = NOT_SOONER) {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => { if (!document.hidden && !over) update(); }, wait);
  }

  function connect() {
    if (socket || over || document.hidden) return;
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const opening = socket = new WebSocket(`${scheme}://${window.location.host}${root.dataset.socketUrl}`);
    opening.addEventListener("open", () => {
      opened = true;
      retry = FIRST_RETRY;
      opening.send(JSON.stringify({ watch: watched, since: root.dataset.rendered }));
    });
    opening.addEventListener("message", (event) => { if (JSON.parse(event.data).changed) later(100); });
    opening.addEventListener("close", (event) => {
      if (socket === opening) socket = null;
      if (event.code === MAY_NOT) { over = true; update(); return; }
      if (document.hidden || over) return;
      if (!opened) later(WITHOUT_SOCKET); // No socket gets through: the page asks, now and then.
      window.clearTimeout(again);
      again = window.setTimeout(connect, opened ? retry : WITHOUT_SOCKET);
      retry = Math.min(retry * 2, LAST_RETRY);
    });
  }

  function close() {
    window.clearTimeout(again);
    const closing = socket;
    socket = null;
    closing?.close();
  }

  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else connect(); });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", connect);
  connect();
}
