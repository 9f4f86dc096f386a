// A run, live: its log by cursor, its steps, its outcome. Rows come over the WebSocket; while that is away they are
// polled. Whatever way they come, a line is taken only when it is the next one after the cursor, so none is doubled
// and none is lost.

import { Log } from "./log/log.js";
import { refresh } from "./refresh.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

function follow(root) {
  const log = new Log(root);
  const link = root.querySelector("[data-link]");
  const count = root.querySelector("[data-count]");
  const said = root.querySelector("[data-said]");
  const elapsed = root.querySelector("[data-run-seconds]");
  const overall = root.querySelector("[data-overall]");
  const attempt = root.querySelector("[data-attempt]");
  const POLL = 2000, FIRST_RETRY = 500, LAST_RETRY = 15000;
  const language = document.documentElement.lang;
  const MAY_NOT = 1008; // Policy violation, in RFC 6455

  let state = root.dataset.state;
  // On this browser's own clock: only the time that has passed since the last message counts, never what its clock says.
  let begun = root.dataset.elapsed === "" ? null : performance.now() - 1000 * Number(root.dataset.elapsed);
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
    const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
    return minutes ? `${minutes} min ${String(whole % 60).padStart(2, "0")} s` : `${whole} s`;
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
    item.dataset.since = step.state === "running" ? performance.now() - (step.seconds || 0) * 1000 : "";
    item.querySelector("[data-seconds]").textContent = step.took || (step.seconds === null ? "" : duration(step.seconds));
    showProgress(item, step);
  }

  function showOverall() {
    const done = root.querySelectorAll('[data-step][data-state="done"]').length;
    overall.querySelector("progress").value = done;
    overall.querySelector("[data-done]").textContent = done;
  }

  const clock = window.setInterval(() => {
    if (!root.isConnected) { leave("ended"); window.clearInterval(clock); return; }
    if (state === "running" && begun !== null) elapsed.textContent = duration((performance.now() - begun) / 1000);
    for (const item of root.querySelectorAll('[data-step][data-state="running"]')) {
      if (!item.dataset.since) continue;
      item.querySelector("[data-seconds]").textContent = duration((performance.now() - Number(item.dataset.since)) / 1000);
    }
  }, 1000);

  // --- the run ------------------------------------------------------------------------------------------------

  function showRun(run) {
    begun = run.seconds === null ? null : performance.now() - 1000 * run.seconds;
    elapsed.textContent = run.took || (run.seconds === null ? "" : duration(run.seconds));
    attempt.textContent = run.attempt;
    if (run.state === state) return;
    state = run.state;
    root.dataset.state = state;
    badge(root.querySelector("[data-run-badge]"), state);
    // What depends on the outcome (actions, proofs, error and remedy) is made by the server.
    refresh();
  }

  function receive(message) {
    if (message.lines) append(message.lines);
    if (message.steps) { message.steps.forEach(showStep); showOverall(); }
    if (message.run) showRun(message.run);
    if (finished()) stop();
  }

  function finished() { return ENDED.has(state) && log.cursor >= Number(root.dataset.lastSeq); }

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

let followed = document.querySelector("[data-run]");
if (followed) follow(followed);

// A page about another run than before, or about a further attempt of one that had ended, shows and follows that one.
document.addEventListener("page:refreshed", (event) => {
  const place = document.getElementById("run"), fresh = event.detail.page.getElementById("run");
  if (!place || !fresh) return;
  const now = fresh.querySelector("[data-run]");
  const begun = followed && now && ENDED.has(followed.dataset.state) && !ENDED.has(now.dataset.state);
  if (followed?.dataset.run === now?.dataset.run && !begun && (followed || place.textContent.trim() === fresh.textContent.trim())) return;
  place.replaceChildren(...fresh.childNodes);
  followed = place.querySelector("[data-run]");
  if (followed) follow(followed);
});
