// A run, live: its log by cursor, its steps, its outcome. Rows come over the WebSocket; while that is away they are
// polled. Whatever way they come, a line is taken only when it is the next one after the cursor, so none is doubled
// and none is lost.

import { Log } from "./log/log.js";

const root = document.querySelector("[data-run]");
if (root) {
  const log = new Log(root);
  const link = root.querySelector("[data-link]");
  const count = root.querySelector("[data-count]");
  const said = root.querySelector("[data-said]");
  const elapsed = root.querySelector("[data-run-seconds]");
  const overall = root.querySelector("[data-overall]");
  const ended = new Set(["succeeded", "failed", "cancelled"]);
  const POLL = 2000, FIRST_RETRY = 500, LAST_RETRY = 15000;
  const language = document.documentElement.lang;
  const MAY_NOT = 1008; // Policy violation, in RFC 6455

  let state = root.dataset.state;
  let begun = Date.now() - 1000 * Number(root.dataset.elapsed);
  let socket = null;
  let retry = FIRST_RETRY;
  let poller = 0;
  let over = false; // Whoever may not read on neither asks nor knocks again.

  function append(lines) {
    for (const line of lines) {
      if (line.seq > log.cursor + 1) break; // A hole: the next answer starts after the cursor again.
      if (line.seq === log.cursor + 1) log.add(line);
    }
    count.textContent = log.cursor;
  }

  // --- the steps ----------------------------------------------------------------------------------------------

  function duration(seconds) {
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    if (seconds < 60) return `${Math.round(seconds)} s`;
    return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds) % 60).padStart(2, "0")} s`;
  }

  function badge(place, name) {
    const template = document.getElementById(`badge-${name}`);
    if (place && template) place.replaceChildren(template.content.cloneNode(true));
  }

  function showProgress(item, step) {
    const bar = item.querySelector("[data-progress]");
    bar.hidden = !(step.total && step.state === "running");
    if (!step.total) return;
    bar.querySelector("progress").max = step.total;
    bar.querySelector("progress").value = step.done;
    const figures = `${step.done.toLocaleString(language)} / ${step.total.toLocaleString(language)} ${step.unit}`.trim();
    bar.querySelector("[data-figures]").textContent = figures;
  }

  function showStep(step) {
    const item = root.querySelector(`[data-step="${step.index}"]`);
    if (!item) return;
    if (item.dataset.state !== step.state) {
      item.dataset.state = step.state;
      badge(item.querySelector("[data-badge]"), step.state);
      // All that a screen reader is told without asking: a log of thirty lines a second would drown it.
      said.textContent = `${item.querySelector(".title").textContent}: ${item.querySelector("[data-badge]").textContent}`;
    }
    item.dataset.since = step.state === "running" ? Date.now() - (step.seconds || 0) * 1000 : "";
    if (step.seconds !== null) item.querySelector("[data-seconds]").textContent = duration(step.seconds);
    showProgress(item, step);
  }

  function showOverall() {
    const done = root.querySelectorAll('[data-step][data-state="done"]').length;
    overall.querySelector("progress").value = done;
    overall.querySelector("[data-done]").textContent = done;
  }

  window.setInterval(() => {
    if (state === "running") elapsed.textContent = duration((Date.now() - begun) / 1000);
    for (const item of root.querySelectorAll('[data-step][data-state="running"]')) {
      if (!item.dataset.since) continue;
      item.querySelector("[data-seconds]").textContent = duration((Date.now() - Number(item.dataset.since)) / 1000);
    }
  }, 1000);

  // --- the run ------------------------------------------------------------------------------------------------

  // What depends on the outcome (actions, proofs, error and remedy) is made by the server: fetch it again.
  async function refresh() {
    const answer = await fetch(window.location.pathname, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-refresh]")) {
      const fresh = page.getElementById(part.id);
      if (fresh) part.replaceChildren(...fresh.childNodes);
    }
  }

  function showRun(run) {
    if (run.state === state) return;
    if (run.state === "running") begun = Date.now() - 1000 * Number(root.dataset.elapsed);
    state = run.state;
    root.dataset.state = state;
    badge(root.querySelector("[data-run-badge]"), state);
    refresh();
  }

  function receive(message) {
    if (message.lines) append(message.lines);
    if (message.steps) { message.steps.forEach(showStep); showOverall(); }
    if (message.run) showRun(message.run);
    if (finished()) stop();
  }

  function finished() { return ended.has(state) && log.cursor >= Number(root.dataset.lastSeq); }

  // --- the line -----------------------------------------------------------------------------------------------

  function showLink(name) { link.textContent = link.dataset[name]; link.dataset.state = name; }

  async function poll() {
    try {
      const answer = await fetch(`${root.dataset.linesUrl}?after=${log.cursor}`, { redirect: "manual" });
      if (answer.type === "opaqueredirect") { leave("out"); return; } // To where one signs in.
      if (answer.status === 403) { leave("barred"); return; }
      if (!answer.ok) throw new Error(answer.statusText);
      const message = await answer.json();
      root.dataset.lastSeq = message.last_seq;
      if (!socket) showLink("polling");
      receive(message);
      if (log.cursor < message.last_seq) { poll(); return; }
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Error)) throw error;
      showLink("away");
    }
  }

  function startPolling() {
    if (poller) return;
    poll();
    poller = window.setInterval(poll, POLL);
  }

  function leave(why) {
    over = true;
    stopPolling();
    showLink(why);
    root.querySelector("[data-sign-in]").hidden = why !== "out";
    if (socket) socket.close();
  }

  function stopPolling() { window.clearInterval(poller); poller = 0; }

  function connect() {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const opening = new WebSocket(`${scheme}://${window.location.host}${root.dataset.socketUrl}`);
    opening.addEventListener("open", () => {
      socket = opening;
      retry = FIRST_RETRY;
      stopPolling();
      showLink("live");
      opening.send(JSON.stringify({ cursor: log.cursor }));
    });
    opening.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (message.last_seq) root.dataset.lastSeq = message.last_seq;
      receive(message);
    });
    opening.addEventListener("close", async (event) => {
      socket = null;
      if (finished()) { showLink("ended"); return; }
      if (event.code === MAY_NOT) await poll(); // It says why.
      if (over) return;
      startPolling();
      window.setTimeout(() => { if (!finished() && !over) connect(); }, retry);
      retry = Math.min(retry * 2, LAST_RETRY);
    });
  }

  function stop() {
    stopPolling();
    showLink("ended");
    if (socket) socket.close();
  }

  if (finished()) showLink("ended");
  else connect();
}
