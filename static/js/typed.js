// What people type is not lost when a form cannot be sent (their session ended, or changed in another tab), and when a
// part of the page is replaced. It stays in this tab, for the user who typed it: no passwords, files or addresses that
// are secret.
(() => {
  "use strict";

  const KEY = "typed";
  const LONGEST_MS = 12 * 60 * 60 * 1000;
  const SKIPPED = new Set(["password", "hidden", "file", "submit", "button", "reset", "image"]);
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
  const user = meta("portal-user");
  const interrupted = meta("portal-interrupted") !== "";
  const typed = new Map(); // by the address that a form is sent to

  function addressOf(form) {
    return new URL(form.getAttribute("action") || window.location.href, window.location.href).pathname;
  }

  function kept(field) {
    return field.name && !SKIPPED.has(field.type) && field.dataset.secret === undefined;
  }

  function read(field) {
    if (field.type === "checkbox" || field.type === "radio") return { checked: field.checked, value: field.value };
    if (field.multiple && field.options) return { chosen: [...field.selectedOptions].map((option) => option.value) };
    return { value: field.value };
  }

  function remember(form) {
    if (!form || form.method !== "post" || !user || interrupted) return;
    const fields = [...form.elements].filter(kept).map((field) => ({ name: field.name, ...read(field) }));
    if (fields.length) typed.set(addressOf(form), fields);
  }

  // Put back what was there. Gives whether a field is another one now.
  function write(field, was) {
    if ("checked" in was) {
      if (field.value !== was.value || field.checked === was.checked) return false;
      field.checked = was.checked;
    } else if ("chosen" in was) {
      [...field.options].forEach((option) => { option.selected = was.chosen.includes(option.value); });
    } else {
      if (field.value === was.value) return false;
      field.value = was.value;
    }
    return true;
  }

  function restore(form) {
    const fields = typed.get(addressOf(form));
    if (!fields || form.method !== "post") return false;
    let changed = false;
    for (const was of fields) {
      for (const field of [...form.elements].filter((one) => one.name === was.name && kept(one))) {
        if (!write(field, was)) continue;
        changed = true;
        // Other fields may depend on a list: the server shows them, and they are filled in when they come.
        if (field.hasAttribute("hx-post")) field.dispatchEvent(new Event("change", { bubbles: true }));
      }
    }
    if (changed) form.closest("details")?.setAttribute("open", "");
    return changed;
  }

  function stored() {
    try {
      const entry = JSON.parse(window.sessionStorage.getItem(KEY));
      return entry && Date.now() - entry.at < LONGEST_MS ? entry : null;
    } catch { return null; }
  }

  function store(entry) {
    try {
      if (entry) window.sessionStorage.setItem(KEY, JSON.stringify(entry));
      else window.sessionStorage.removeItem(KEY);
    } catch { /* no room, or storage is switched off: then there is nothing to come back */ }
  }

  // A page on the way back to a form keeps what is stored; any other page ends the wait, or is the form's own.
  function arrive() {
    const entry = stored();
    if (!entry || (user && entry.user !== user)) { store(null); return; }
    if (interrupted) { store({ ...entry, interrupted: true }); return; }
    if (!user) return;
    if (!entry.interrupted) { store(null); return; }
    const forms = new Map(entry.forms);
    const here = [...document.forms].filter((form) => forms.has(addressOf(form)) && form.method === "post");
    if (!here.length || entry.path !== window.location.pathname) return;
    store(null);
    forms.forEach((fields, address) => typed.set(address, fields));
    const changed = here.filter(restore);
    if (changed.length) tell(changed[0]);
  }

  function tell(form) {
    const notice = document.getElementById("typed-back");
    if (!notice) return;
    form.before(notice.content.cloneNode(true));
    form.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("input", (event) => remember(event.target.form));
  document.addEventListener("change", (event) => remember(event.target.form));
  document.addEventListener("submit", (event) => remember(event.target), true);
  window.addEventListener("pagehide", () => {
    if (typed.size) store({ user, path: window.location.pathname, at: Date.now(), forms: [...typed] });
  });

  // Parts of pages are replaced while people type in them.
  new MutationObserver((changes) => {
    if (!typed.size) return;
    const added = changes.flatMap((change) => [...change.addedNodes]).filter((node) => node.querySelectorAll);
    const forms = added.flatMap((node) => [...(node.matches("form") ? [node] : []), ...node.querySelectorAll("form")]);
    const fields = added.flatMap((node) => [...node.querySelectorAll("input, select, textarea")]);
    new Set([...forms, ...fields.map((field) => field.form)]).forEach((form) => form && restore(form));
  }).observe(document.documentElement, { childList: true, subtree: true });

  arrive();
})();
