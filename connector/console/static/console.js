"use strict";
// Every page works without this: it only saves reloading.

// On a phone the tabs are one row, to be moved sideways: the one that is open is to be seen.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({block: "nearest", inline: "center"});

// Parts that show the present are fetched again now and then, while somebody looks and types nothing in them.
for (const part of document.querySelectorAll("[data-refresh]")) {
  const every = Number(part.dataset.every || 5000);
  const again = async () => {
    const busy = document.hidden || part.contains(document.activeElement);
    if (!busy) {
      try {
        const answer = await fetch(part.dataset.refresh, {credentials: "same-origin"});
        if (answer.status === 401 || answer.redirected) return location.reload();
        if (answer.ok) show(part, await answer.text());
      } catch (_) { /* the network is away: the next time */ }
    }
    setTimeout(again, every);
  };
  setTimeout(again, every);
}

function show(part, html) {
  const name = part.dataset.part;
  if (!name) { part.innerHTML = html; return; }
  const page = new DOMParser().parseFromString(html, "text/html");
  const fresh = page.getElementById(name);
  const shown = document.getElementById(name);
  if (fresh && shown) shown.replaceWith(fresh);
  if (!page.querySelector("[data-refresh]")) location.reload();
}

// A draft is checked as it is typed.
for (const field of document.querySelectorAll("[data-check]")) {
  let timer, number = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++number;
      try {
        const body = new URLSearchParams(new FormData(field.form));
        const answer = await fetch(field.dataset.check, {method: "POST", body, credentials: "same-origin"});
        const html = await answer.text();
        if (mine === number && answer.ok) document.getElementById("problems").innerHTML = html;
      } catch (_) { /* "Check" still works */ }
    }, 400);
  });
}

// What is being done is looked for again.
for (const waiting of document.querySelectorAll("[data-again]")) {
  setTimeout(() => location.reload(), Number(waiting.dataset.again));
}
