"use strict";
// The figures, the copy buttons and the table of trials; no library besides Vega, no request to anywhere.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const narrow = window.matchMedia("(max-width: 600px)").matches;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);

  // a name from a model is text here, never HTML
  function tell(_, event, item, value) {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    tip.textContent = value.text ?? String(value);
    const space = 14;
    const right = event.clientX + space + tip.offsetWidth < document.documentElement.clientWidth;
    const below = event.clientY + space + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(4, right ? event.clientX + space : event.clientX - space - tip.offsetWidth)}px`;
    tip.style.top = `${Math.max(4, below ? event.clientY + space : event.clientY - space - tip.offsetHeight)}px`;
  }

  // without `ast` Vega would compile expressions with eval, which the page's security policy forbids
  const options = { ast: true, renderer: "svg", tooltip: tell, scaleFactor: 2 };
  const actions = { export: true, source: false, compiled: false, editor: false };
  const views = {};
  const drawn = Object.entries(figures).map(async ([id, figure]) => {
    const target = document.getElementById(id);
    if (narrow) {
      figure.config.legend.columns = target.closest(".wide") ? 3 : 1;
      for (const part of ["axis", "legend"]) figure.config[part].labelFontSize = figure.config[part].titleFontSize = 12;
    }
    const saved = { ...options, actions: narrow ? false : actions, downloadFileName: id };
    views[id] = (await vegaEmbed(target, figure, saved)).view;
  });

  for (const button of document.querySelectorAll(".command button")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      let copied = false;
      try {
        await navigator.clipboard.writeText(code.textContent);
        copied = true;
      } catch {
        // a file: page in some browsers has no clipboard: select the text, so that Ctrl-C takes it
        window.getSelection().selectAllChildren(code);
      }
      button.textContent = copied ? "Copied" : "Selected";
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  }

  const table = document.getElementById("trials");
  if (table) sortAndFilter(table);
  Promise.all(drawn).then(() => {
    window.views = views;
    document.documentElement.dataset.ready = "true";
  });

  function sortAndFilter(table) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const value = (row, column) => {
      const cell = row.cells[column];
      return cell.dataset.value === undefined ? cell.textContent : cell.dataset.value === "" ? null : Number(cell.dataset.value);
    };
    const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));

    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const head = button.closest("th");
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const column = head.cellIndex;
      rows.sort((x, y) => {
        const a = value(x, column), b = value(y, column);
        if (a === null || b === null) return (a === null) - (b === null); // what has no value stays at the end
        return down ? compare(b, a) : compare(a, b);
      });
      body.append(...rows);
    });

    const text = document.getElementById("filter-text"), standing = document.getElementById("filter-standing");
    const count = document.getElementById("filter-count");
    const filter = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const content = row.textContent.toLowerCase();
        const keep = (!standing.value || row.dataset.standing === standing.value) && words.every((w) => content.includes(w));
        row.hidden = !keep;
        shown += keep;
      }
      count.textContent = `${shown} of ${rows.length} trials`;
    };
    text.addEventListener("input", filter);
    standing.addEventListener("change", filter);
    filter();
  }
})();
