/* Keeps the page as it would be if it were loaded now: listens, fetches it again, and swaps the parts that changed. */
"use strict";

(() => {
  const script = document.currentScript;
  const pulse = document.getElementById("pulse");
  const QUIET_MS = 150;
  const PACE_MS = 1000;
  const RETRY_MS = 2000;
  const PATIENCE_MS = 20000;
  const MINUTE_MS = 60000;
  let place = script.dataset.after;
  let source = null;
  let due = 0;
  let refreshed = 0;
  let fetching = false;
  let asked = false;
  let hearing = true;
  let fresh = true;

  // Live is what hears of changes and could show the last of them.
  function say() {
    const live = hearing && fresh;
    pulse.hidden = false;
    pulse.classList.toggle("off", !live);
    const words = live ? "Live" : "Offline, trying again";
    if (pulse.textContent !== words) pulse.textContent = words;
  }

  function swap(loaded) {
    document.title = loaded.title;
    for (const old of document.querySelectorAll("[data-live]")) {
      const next = loaded.getElementById(old.id);
      if (!next || old.isEqualNode(next)) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
      old.className = next.className;
      patch(old, next);
      if (focused) (document.getElementById(focused) || document.getElementById("main")).focus();
    }
  }

  // Children that stay the same stay in place, so that nothing flickers and screen readers hear only what is new.
  function patch(old, next) {
    const keep = [...old.childNodes];
    const want = [...next.childNodes];
    want.forEach((node, at) => {
      const there = keep[at];
      if (!there) old.append(document.importNode(node, true));
      else if (there.isEqualNode(node)) return;
      else if (there.nodeName === node.nodeName && there.id === node.id && there.nodeType === 1) {
        for (const name of new Set([...there.getAttributeNames(), ...node.getAttributeNames()])) {
          if (node.hasAttribute(name)) there.setAttribute(name, node.getAttribute(name));
          else there.removeAttribute(name);
        }
        patch(there, node);
      } else there.replaceWith(document.importNode(node, true));
    });
    keep.slice(want.length).forEach((node) => node.remove());
  }

  async function refresh() {
    if (fetching) {
      asked = true;
      return;
    }
    fetching = true;
    refreshed = Date.now();
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const answer = await fetch(location.pathname, { cache: "no-store", redirect: "error", signal });
      if (answer.status === 401 || answer.status === 404) return location.reload();
      fresh = answer.ok;
      if (fresh) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      fresh = false;
    }
    say();
    if (!fresh) setTimeout(soon, RETRY_MS);
    fetching = false;
    if (asked) {
      asked = false;
      soon();
    }
  }

  function soon() {
    clearTimeout(due);
    due = setTimeout(refresh, Math.max(QUIET_MS, refreshed + PACE_MS - Date.now()));
  }

  function listen() {
    if (source) source.close();
    source = new EventSource(`${script.dataset.stream}?after=${encodeURIComponent(place)}`);
    const heard = (event) => {
      if (event.lastEventId) place = event.lastEventId;
      hearing = true;
      say();
      soon();
    };
    for (const kind of ["ready", "reset", "problem", "activity"]) source.addEventListener(kind, heard);
    source.onerror = () => {
      hearing = false;
      say();
      if (source.readyState === EventSource.CLOSED) setTimeout(wake, 15000);
    };
  }

  function wake() {
    if (document.visibilityState === "hidden") return;
    listen();
    soon();
  }

  // Browsers allow few open connections: a page nobody looks at gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") wake();
    else if (source) source.close();
  });
  window.addEventListener("online", wake);
  window.addEventListener("offline", () => {
    fresh = false;
    say();
  });
  setInterval(() => document.visibilityState === "visible" && soon(), MINUTE_MS);
  listen();
})();
