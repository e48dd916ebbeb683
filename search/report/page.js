"use strict";
// Plotly's figures, the copy buttons and the table of trials; no library besides Plotly, no request to anywhere.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const narrow = window.matchMedia("(max-width: 600px)").matches;
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  for (const [id, figure] of Object.entries(figures)) {
    const target = document.getElementById(id);
    if (narrow && !target.closest(".wide")) {
      figure.layout.font.size = 12;
      figure.layout.margin = { l: 46, r: 6, t: 16, b: 46 };
      figure.layout.legend.font = { size: 12 };
      for (const trace of figure.data) if (trace.mode === "markers+text") trace.mode = "markers"; // no room for them
      for (const note of figure.layout.annotations || []) note.font.size = 11;
      config.displayModeBar = false;
    }
    Plotly.newPlot(target, figure.data, figure.layout, { ...config, toImageButtonOptions: { filename: id, scale: 2 } });
  }

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
  document.documentElement.dataset.ready = "true";

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
