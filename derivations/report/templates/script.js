"use strict";
(() => {
  const root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  try { const kept = localStorage.getItem("theme"); if (kept) root.dataset.theme = kept; } catch { /* no storage */ }
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* no storage */ }
  });

  // A link into something folded opens it.
  const unfold = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  // Paper holds the derivations; witnesses and code stay with the page and the ledger's JSON.
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details.working, details.legend")) d.open = true;
  });

  const table = document.getElementById("ledger-table");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows];
  for (const button of table.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th"), key = button.dataset.key === "status" ? "rank" : button.dataset.key;
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const h of table.querySelectorAll("th")) h.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      rows.sort((a, b) => sign * a.dataset[key].localeCompare(b.dataset[key]) || a.dataset.number.localeCompare(b.dataset.number));
      body.append(...rows);
    });
  }
  const text = document.getElementById("filter-text"), boxes = [...document.querySelectorAll("#filter [type=checkbox]")];
  const filter = () => {
    const word = text.value.trim().toLowerCase(), wanted = new Set(boxes.filter(b => b.checked).map(b => b.value));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(wanted.has(row.dataset.status) && (!word || row.textContent.toLowerCase().includes(word)));
      if (!row.hidden) shown += 1;
    }
    document.getElementById("filter-count").textContent = `${shown} of ${rows.length} claims`;
  };
  text.addEventListener("input", filter);
  for (const b of boxes) b.addEventListener("change", filter);
  document.getElementById("filter").addEventListener("submit", e => e.preventDefault());
  filter();
})();
