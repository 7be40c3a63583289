"use strict";
{
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  dark.addEventListener("change", label);
  button.hidden = false;
  label();

  // What does not fit is scrolled in its own box, which the keyboard must be able to reach.
  const reachable = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll(".scroll").forEach((box) => reachable.observe(box));

  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en"));
  const sortBy = (table, column, descending) => {
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => {
      const cell = row.cells[column];
      const number = cell.dataset.value;
      const key = number === undefined ? cell.textContent : Number(number);
      return { row, key, empty: (number ?? cell.textContent) === "" };
    });
    // Empty cells come last in either order; the sort is stable.
    keyed.sort((a, b) => a.empty - b.empty || (a.empty ? 0 : compare(a.key, b.key) * (descending ? -1 : 1)));
    body.append(...keyed.map(({ row }) => row));
  };
  for (const header of document.querySelectorAll("thead th")) {
    if (!header.firstElementChild) continue;
    header.firstElementChild.addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") === "ascending";
      for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBy(header.closest("table"), header.cellIndex, descending);
    });
  }
}
