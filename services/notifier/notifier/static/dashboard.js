/* Keeps the page current: listens to the stream, fetches the page again, and replaces the parts that changed. */
"use strict";

(() => {
  const script = document.currentScript;
  const pulse = document.getElementById("pulse");
  const SETTLE_MS = 150;
  const MIN_INTERVAL_MS = 1000;
  const RETRY_MS = 2000;
  const FETCH_TIMEOUT_MS = 20000;
  const MINUTE_MS = 60000;
  let lastSeq = script.dataset.after;
  let source = null;
  let due = 0;
  let refreshed = 0;
  let fetching = false;
  let again = false;
  let connected = true;
  let fresh = true;

  // The page is live while the stream is connected and the last fetch succeeded.
  function showState() {
    const live = connected && fresh;
    pulse.hidden = false;
    pulse.classList.toggle("off", !live);
    const text = live ? pulse.dataset.liveText : pulse.dataset.offlineText;
    if (pulse.textContent !== text) pulse.textContent = text;
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

  // Unchanged children keep their nodes: nothing flickers, and screen readers announce only what is new.
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
      again = true;
      return;
    }
    fetching = true;
    refreshed = Date.now();
    try {
      const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
      const answer = await fetch(location.pathname, { cache: "no-store", redirect: "error", signal });
      if (answer.status === 401 || answer.status === 404) return location.reload();
      fresh = answer.ok;
      if (fresh) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      fresh = false;
    }
    showState();
    if (!fresh) setTimeout(refreshSoon, RETRY_MS);
    fetching = false;
    if (again) {
      again = false;
      refreshSoon();
    }
  }

  function refreshSoon() {
    clearTimeout(due);
    due = setTimeout(refresh, Math.max(SETTLE_MS, refreshed + MIN_INTERVAL_MS - Date.now()));
  }

  function listen() {
    if (source) source.close();
    source = new EventSource(`${script.dataset.stream}?after=${encodeURIComponent(lastSeq)}`);
    const onEvent = (event) => {
      if (event.lastEventId) lastSeq = event.lastEventId;
      connected = true;
      showState();
      refreshSoon();
    };
    for (const kind of ["ready", "reset", "problem", "activity"]) source.addEventListener(kind, onEvent);
    source.onerror = () => {
      connected = false;
      showState();
      if (source.readyState !== EventSource.CLOSED) return;
      refreshSoon(); // the session may have ended: the page then says so
      setTimeout(wake, 15000);
    };
  }

  function wake() {
    if (document.visibilityState === "hidden") return;
    listen();
    refreshSoon();
  }

  // Browsers allow few open connections, so a hidden page closes its own.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") wake();
    else if (source) source.close();
  });
  window.addEventListener("online", wake);
  window.addEventListener("offline", () => {
    fresh = false;
    showState();
  });
  setInterval(() => document.visibilityState === "visible" && refreshSoon(), MINUTE_MS);
  listen();
})();
