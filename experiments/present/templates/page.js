"use strict";
(() => {
  const direction = { ascending: 1, descending: -1 };

  const makeSortable = (table) => {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    const given = [...body.rows];
    const valueOf = (row, column) => {
      const cell = row.cells[column];
      const text = cell.dataset.value ?? cell.textContent;
      return text === "" ? null : text;
    };
    const isNumber = (text) => text.trim() !== "" && Number.isFinite(Number(text));
    const sortBy = (column, way) => {
      const known = given.map((row) => valueOf(row, column));
      const numeric = known.every((text) => text === null || isNumber(text));
      const rank = new Map(given.map((row, place) => [row, place]));
      const compare = (one, other) => {
        const a = valueOf(one, column);
        const b = valueOf(other, column);
        if (a === null || b === null) return (a === null) - (b === null) || rank.get(one) - rank.get(other);
        const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
        return direction[way] * order || rank.get(one) - rank.get(other);
      };
      body.append(...[...given].sort(compare));
      headings.forEach((heading, place) => heading.setAttribute("aria-sort", place === column ? way : "none"));
    };
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () =>
        sortBy(column, heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending"));
    });
  };

  const units = [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]];
  const grouped = (value, digits) => value.toLocaleString("en-US", digits);
  const sizeText = (bytes) => {
    const [name, factor] = units.find(([, least]) => bytes >= least) ?? units[units.length - 1];
    return `${grouped(bytes / factor, { maximumSignificantDigits: 4 })} ${name}`;
  };

  const makeSlider = (element, data) => {
    const slider = element.querySelector("input[type=range]");
    const cells = [...element.querySelectorAll("[data-show]")];
    const cursor = element.querySelector(".cursor");
    const last = data.times[data.times.length - 1];
    const rates = data.runs[0].values.length - data.rates;
    const share = (pages) => (100 * pages) / data.total;
    const texts = {
      number: (value) => grouped(value),
      size: (value) => sizeText(value * data.page),
      share: (value) => `${grouped(share(value), { minimumFractionDigits: 1, maximumFractionDigits: 1 })}%`,
    };

    const sampleAt = (times, time) => {
      let low = 0;
      let high = times.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (times[middle] <= time) low = middle + 1;
        else high = middle;
      }
      return Math.max(low - 1, 0);
    };
    const spoken = (places) => data.runs.map((run, number) => {
      const lists = data.names.map((name, row) => [name, run.values[row][places[number]]]).filter(([, pages]) => pages);
      const sizes = lists.map(([name, pages]) => `${name} ${sizeText(pages * data.page)}`).join(", ");
      return data.runs.length > 1 ? `${run.label}: ${sizes}` : sizes;
    }).join("; ");

    const show = () => {
      const position = Number(slider.value);
      const time = data.times[position];
      const places = data.runs.map((run) => sampleAt(run.times, time));
      const ended = data.runs.map((run) => time > run.times.at(-1));
      const values = data.runs.map((run, number) => run.values.map((row) => row[places[number]]));
      slider.setAttribute("aria-valuetext", `${data.texts[position]}: ${spoken(places)}`);
      for (const cell of cells) {
        const kind = cell.dataset.show;
        if (kind === "time") cell.textContent = data.texts[position];
        else if (kind === "ended") cell.hidden = !ended[cell.dataset.run];
        else {
          const value = values[cell.dataset.run][cell.dataset.row];
          const over = ended[cell.dataset.run] && cell.dataset.row >= rates;
          if (kind === "part") cell.style.width = `${(100 * value) / data.runs[cell.dataset.run].total}%`;
          else if (over) cell.textContent = "-";
          else cell.textContent = texts[kind](value);
        }
      }
      if (cursor) {
        const [left, right] = [Number(cursor.dataset.left), Number(cursor.dataset.right)];
        const x = left + ((right - left) * time) / last;
        cursor.setAttribute("x1", x);
        cursor.setAttribute("x2", x);
        cursor.setAttribute("visibility", "visible");
      }
    };

    element.querySelector(".controls").hidden = false;
    slider.addEventListener("input", show);
    for (const button of element.querySelectorAll("[data-position]")) {
      button.addEventListener("click", () => {
        slider.value = button.dataset.position;
        show();
      });
    }
    show();
  };

  document.querySelectorAll("table.sortable").forEach(makeSortable);
  for (const element of document.querySelectorAll(".slider")) {
    makeSlider(element, JSON.parse(document.getElementById(`${element.id}-data`).textContent));
  }
})();
