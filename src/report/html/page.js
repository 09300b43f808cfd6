"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const list = $("list"), tools = $("tools");
  // Ladders opened at once at most: a drawing is hundreds of elements.
  const MOST = 200;

  // Copy buttons come with the commands they copy.
  const buttons = (within) => {
    for (const box of within.querySelectorAll(".cmd")) {
      if (box.querySelector(".copy")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy " + box.querySelector("b").textContent.toLowerCase() + " commands");
      box.append(button);
    }
  };

  // What a ladder opens to is text until it is opened.
  const fill = (details) => {
    const kept = details.querySelector(":scope > noscript");
    if (!kept) return;
    const page = document.createElement("template");
    page.innerHTML = kept.textContent;
    buttons(page.content);
    kept.replaceWith(page.content);
  };

  const copy = async (button) => {
    const pre = button.parentNode.querySelector("pre");
    let done = false;
    try {
      await navigator.clipboard.writeText(pre.textContent);
      done = true;
    } catch {
      // Not allowed from a file in some browsers: the selection works everywhere.
      getSelection().selectAllChildren(pre);
      done = document.execCommand("copy");
    }
    button.textContent = done ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };

  // Opens whatever a link leads to.
  const reveal = (id) => {
    const row = /^[lm](\d+)/.exec(id);
    const item = row && $("l" + row[1]);
    if (item) {
      item.hidden = false;
      const details = item.querySelector("details");
      fill(details);
      details.open = true;
    }
    const target = $(id);
    if (!target) return;
    for (let up = target; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
    const text = target.tagName === "TR" && target.querySelector("details");
    if (text) text.open = true;
    for (const old of document.querySelectorAll("tr.hit")) old.classList.remove("hit");
    if (target.tagName === "TR") {
      target.classList.add("hit");
      target.focus({ preventScroll: true });
    }
    target.scrollIntoView({ block: target.tagName === "TR" ? "center" : "start" });
  };

  // What print opens it closes again; the style sheet does the same in browsers that let it.
  let printed = [];
  const unfold = (details) => {
    if (!details.open) printed.push(details);
    details.open = true;
  };
  addEventListener("beforeprint", () => document.querySelectorAll(".faults details, .unread, .defects").forEach(unfold));
  addEventListener("afterprint", () => {
    for (const details of printed) details.open = false;
    printed = [];
  });

  buttons(document);
  document.addEventListener("toggle", (event) => {
    if (event.target.open) fill(event.target);
  }, true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".copy");
    if (button) copy(button);
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    const id = link.getAttribute("href").slice(1);
    if (!/^[lmf]\d/.test(id)) return;
    event.preventDefault();
    history.replaceState(null, "", "#" + id);
    reveal(id);
  });

  if (list && tools) {
    const rows = [...list.children].map((item, at) => ({
      item, at,
      verdict: item.dataset.v,
      fault: item.dataset.f,
      duration: Number(item.dataset.d),
      who: item.querySelector(".who").textContent,
      what: item.querySelector(".what").textContent,
      found: null,
    }));
    const verdicts = ["broken", "degraded", "inconclusive", "no-push-expected", "complete"];
    const orders = {
      time: (a, b) => a.at - b.at,
      verdict: (a, b) => verdicts.indexOf(a.verdict) - verdicts.indexOf(b.verdict) || a.at - b.at,
      duration: (a, b) => b.duration - a.duration || a.at - b.at,
      who: (a, b) => a.who.localeCompare(b.who) || a.at - b.at,
      what: (a, b) => a.what.localeCompare(b.what) || a.at - b.at,
    };
    const chips = [...tools.querySelectorAll("[name=verdict]")];
    let order = "time";

    const apply = () => {
      const words = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = new Set(chips.filter((chip) => chip.checked).map((chip) => chip.value));
      const fault = $("cause") ? $("cause").value : "";
      let shown = 0;
      for (const row of rows) {
        row.found ??= (row.item.querySelector("summary").textContent + " " + row.item.dataset.k).toLowerCase();
        const fits = wanted.has(row.verdict) && (!fault || row.fault === fault) && words.every((word) => row.found.includes(word));
        row.item.hidden = !fits;
        shown += fits;
      }
      if ($("sort").value !== order) {
        order = $("sort").value;
        list.append(...[...rows].sort(orders[order]).map((row) => row.item));
      }
      $("count").textContent = shown === rows.length ? `${shown.toLocaleString("en")} shown`
        : `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
      // The view can be kept as a bookmark and sent on.
      const kept = new URLSearchParams();
      if ($("q").value) kept.set("q", $("q").value);
      if (wanted.size < chips.length) kept.set("verdict", [...wanted].join(","));
      if (fault) kept.set("cause", fault);
      if (order !== "time") kept.set("sort", order);
      const hash = kept.toString();
      if (hash || location.hash.includes("=")) history.replaceState(null, "", hash ? "#" + hash : "#ladders");
    };

    const restore = () => {
      const kept = new URLSearchParams(location.hash.slice(1));
      if (kept.has("q")) $("q").value = kept.get("q");
      if (kept.has("verdict")) {
        const wanted = kept.get("verdict").split(",");
        for (const chip of chips) chip.checked = wanted.includes(chip.value);
      }
      if (kept.has("cause") && $("cause")) $("cause").value = kept.get("cause");
      if (kept.has("sort") && kept.get("sort") in orders) $("sort").value = kept.get("sort");
    };

    const openShown = (most) => {
      let opened = 0;
      for (const item of list.children) {
        if (item.hidden || opened >= most) continue;
        const details = item.firstElementChild;
        fill(details);
        details.open = true;
        opened += 1;
      }
      return opened;
    };

    tools.hidden = false;
    tools.addEventListener("input", apply);
    tools.addEventListener("submit", (event) => event.preventDefault());
    tools.addEventListener("reset", () => setTimeout(apply));
    $("open").addEventListener("click", () => {
      if (openShown(MOST) === MOST) $("count").textContent = `The first ${MOST} of those shown are open.`;
    });
    $("close").addEventListener("click", () => {
      for (const details of list.querySelectorAll(":scope > li > details[open]")) details.open = false;
    });
    // Paper cannot be clicked: a short list prints whole, of a long one what is open and what is broken.
    addEventListener("beforeprint", () => {
      const shown = [...list.children].filter((item) => !item.hidden);
      const whole = shown.length <= 30 && !list.querySelector(":scope > li > details[open]");
      const wanted = shown.filter((item) => whole || item.dataset.v === "broken").map((item) => item.firstElementChild);
      for (const details of wanted.slice(0, MOST)) {
        fill(details);
        unfold(details);
      }
      $("printed").textContent = wanted.length <= MOST ? ""
        : `Of ${wanted.length.toLocaleString("en")} broken ladders the first ${MOST} are printed whole: filter the page to print others.`;
    });
    restore();
    apply();
  }
  // After the browser has looked for it itself.
  addEventListener("load", () => {
    if (/^#[lmf]\d/.test(location.hash)) requestAnimationFrame(() => reveal(location.hash.slice(1)));
  });
})();
