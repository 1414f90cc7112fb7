"use strict";
// A click on the heading of a column sorts its table; another turns the order round.
for (const table of document.querySelectorAll(".wide table")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) continue;
  Array.from(table.tHead.rows[0].cells).forEach((heading, column) => {
    const sort = () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].textContent;
      const number = (text) => parseFloat(text.replace(/^[<[]/, ""));
      const order = (a, b) => {
        const [x, y] = [number(key(a)), number(key(b))];
        if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y) || key(a).localeCompare(key(b));
        return down ? y - x : x - y;
      };
      const rows = Array.from(body.rows).sort(order);
      const words = rows.every((row) => isNaN(number(key(row))));
      if (down && words) rows.reverse();
      body.append(...rows);
      table.classList.add("sorted");
    };
    heading.tabIndex = 0;
    heading.title = "sort by this column";
    heading.addEventListener("click", sort);
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sort();
      }
    });
  });
}
