// Small conveniences of every page; each page works without them.
(() => {
  "use strict";

  // The next pages have times in the zone of the reader's system.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = window.location.protocol === "https:" ? "; secure" : "";
  const path = document.currentScript.dataset.root || "/";
  document.cookie = `timezone=${zone}; path=${path}; max-age=31536000; samesite=lax${secure}`;

  // Copy what an element holds: <button data-copy="ID" data-copied="Copied">.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    const label = button.querySelector("[data-label]") || button;
    const before = label.textContent;
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      label.textContent = button.dataset.copied;
    } catch {
      // No clipboard outside HTTPS and localhost: select it, so that Ctrl-C does it.
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      return;
    }
    window.setTimeout(() => { label.textContent = before; }, 2000);
  });

  // What somebody has opened stays open when htmx brings its part of the page anew.
  let opened = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    opened = [...event.detail.target.querySelectorAll("details[id][open]")].map((part) => part.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    opened.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
  });

  // Nobody sees what a hidden page would ask for now and then.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.id === "now") event.preventDefault();
  });

  // A form is sent once, and shows that it is on its way: registering a master speaks to its host and takes seconds.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.querySelectorAll("[type=submit]").forEach((button) => button.classList.add("is-busy"));
  });
  // A page that comes back from the browser's memory may be sent again.
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      form.querySelectorAll(".is-busy").forEach((button) => button.classList.remove("is-busy"));
    });
  });
})();
