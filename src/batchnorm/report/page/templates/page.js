/* What does a page do besides being read? It draws its figures, shows values, hides arms, and hands out what it holds. */
"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const reading = (element) => JSON.parse(element.textContent);
  const themes = reading(document.getElementById("themes"));
  const figures = [...document.querySelectorAll("figure")];
  const drawn = new Map();
  const ERRORS_ONLY = 1;
  const WIDEST = 2;
  const theme = () => root.dataset.theme || (dark.matches ? "dark" : "light");

  /* Values at the pointer: as text, never as markup. */
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);

  function rows(value) {
    if (typeof value !== "object") return [document.createTextNode(String(value))];
    const list = document.createElement("dl");
    for (const [name, content] of Object.entries(value)) {
      list.append(Object.assign(document.createElement("dt"), { textContent: name }));
      list.append(Object.assign(document.createElement("dd"), { textContent: String(content) }));
    }
    return [list];
  }

  function showTip(_, event, __, value) {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    tip.replaceChildren(...rows(value));
    const gap = 14;
    const left = event.clientX + gap + tip.offsetWidth > innerWidth ? event.clientX - gap - tip.offsetWidth : event.clientX + gap;
    const top = event.clientY + gap + tip.offsetHeight > innerHeight ? event.clientY - gap - tip.offsetHeight : event.clientY + gap;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }

  /* All data that a description carries, wherever it stands, each once. */
  function dataOf(spec) {
    const found = new Map();
    (function look(part) {
      if (typeof part !== "object" || part === null) return;
      if (Array.isArray(part.data?.values)) found.set(JSON.stringify(part.data.values), part.data.values);
      for (const [name, inner] of Object.entries(part)) if (name !== "data") look(inner);
    })(spec);
    return [...found.values()];
  }

  /* As many panels beside one another as there is room for, as wide as that leaves them, no row much shorter than others. */
  function fitted(spec, width) {
    const panel = spec.usermeta?.panel;
    if (!panel) return spec;
    const names = dataOf(spec).flatMap((values) => values.map((row) => row[spec.facet?.field]));
    const panels = spec.facet?.field ? new Set(names.filter((name) => name !== undefined)).size : spec.columns;
    const most = Math.max(1, Math.min(panels, Math.floor(width / panel)));
    const columns = Math.ceil(panels / Math.ceil(panels / most));
    const inner = spec.spec?.width;
    if (typeof inner !== "number") return { ...spec, columns };
    const more = Math.max(0, Math.min(WIDEST * inner, inner + width / columns - panel) - inner);
    return { ...spec, columns, spec: { ...spec.spec, width: Math.floor(inner + more) } };
  }

  /* What draws and what is drawn are packed in the page, a third of their size and less. */
  async function unpacked(id) {
    const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (one) => one.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  let specs = {};
  async function unpack() {
    specs = JSON.parse(await unpacked("figures"));
    (0, eval)(await unpacked("drawing"));
  }

  async function draw(figure, canvas, colours) {
    const before = drawn.get(canvas);
    const spec = fitted(specs[figure.dataset.name], canvas.clientWidth);
    const options = {
      mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, tooltip: showTip,
      config: { ...themes[colours], aria: false }, logLevel: ERRORS_ONLY,
    };
    try {
      const now = await vegaEmbed(canvas, spec, options);
      drawn.set(canvas, now);
      if (figure.querySelector(".legend")) await hide(figure, now.view);
      if (before) before.finalize();
      canvas.querySelector("svg").setAttribute("aria-hidden", "true"); // the canvas says in words what is drawn
      canvas.dataset.drawn = colours;
    } catch (error) {
      canvas.textContent = `This figure cannot be drawn: ${error.message}`;
      canvas.classList.add("failed");
      console.error(error);
    }
  }

  /* Leave out what the reader has switched off. */
  function hide(figure, view) {
    const off = [...figure.querySelectorAll('.legend [aria-pressed="false"]')];
    return view.signal("hidden", off.map((one) => one.value)).runAsync();
  }

  /* One after the other, so that the page can be read and scrolled meanwhile. */
  let asked = 0;
  let ready;
  async function drawAll() {
    const mine = ++asked;
    delete root.dataset.drawn;
    await (ready ??= unpack());
    for (const figure of figures) {
      await new Promise((resolve) => setTimeout(resolve));
      if (mine !== asked) return;
      await draw(figure, figure.querySelector(".canvas"), theme());
    }
    if (mine === asked) root.dataset.drawn = "all";
    /* Paper is light, and a browser that prints does not wait: what it will need is drawn beforehand. */
    for (const figure of theme() === "dark" ? figures : []) {
      await new Promise((resolve) => setTimeout(resolve));
      if (mine === asked) await draw(figure, figure.querySelector(".on-paper"), "light");
    }
  }

  /* The legend: a button for each name, so that it works by keyboard and finger, too. */
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const figure = button.closest("figure");
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      for (const canvas of figure.querySelectorAll(".canvas, .on-paper")) if (drawn.has(canvas)) hide(figure, drawn.get(canvas).view);
    });
  }

  /* What can be taken away: a figure as a picture, its numbers, the records. */
  function save(name, url) {
    const link = Object.assign(document.createElement("a"), { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
  }
  const saveText = (name, text, type) => {
    const url = URL.createObjectURL(new Blob([text], { type }));
    save(name, url);
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  function csv(spec) {
    return dataOf(spec).map((values) => {
      const names = [...new Set(values.flatMap((row) => Object.keys(row)))];
      return [names, ...values.map((row) => names.map((name) => row[name]))].map((row) => row.map(cell).join(",")).join("\n");
    }).join("\n\n") + "\n";
  }

  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", async () => {
      const figure = button.closest("figure");
      const kind = button.dataset.save;
      const name = `${figure.dataset.name}.${kind}`;
      if (kind === "csv") saveText(name, csv(specs[figure.dataset.name]), "text/csv");
      else {
        const held = drawn.get(figure.querySelector(".canvas"));
        if (held) save(name, await held.view.toImageURL(kind, 2));
      }
    });
  }
  /* Every run: a table made of the records when somebody asks for it. */
  function runsTable(runs) {
    const names = [...new Set(runs.flatMap((run) => Object.keys(run.values)))];
    const short = (value) => (typeof value === "number" ? String(Number(value.toPrecision(5))) : "–");
    const line = (tag, cells) => {
      const row = document.createElement("tr");
      for (const [text, kind] of cells) row.append(Object.assign(document.createElement(tag), { textContent: text, className: kind }));
      return row;
    };
    const table = document.createElement("table");
    const head = document.createElement("thead");
    const body = document.createElement("tbody");
    head.append(line("th", [["arm", ""], ["seed", "right"], ...names.map((name) => [name, "right"]), ["ended", ""], ["why", ""]]));
    for (const run of runs) {
      const ended = run.searching && run.status === "done" ? "searching" : run.status;
      const mark = { diverged: "warning", crashed: "bad" }[run.status] || "";
      const numbers = names.map((name) => [short(run.values[name]), "right"]);
      body.append(line("td", [[run.arm, ""], [String(run.seed), "right"], ...numbers, [ended, mark], [run.reason || "", "wrap"]]));
    }
    table.append(head, body);
    return table;
  }
  for (const details of document.querySelectorAll("[data-runs]")) {
    const held = document.getElementById(`record-runs-${details.dataset.runs}`);
    if (!held) details.hidden = true;
    else details.addEventListener("toggle", () => {
      const place = Object.assign(document.createElement("div"), { className: "wide", tabIndex: 0 });
      place.append(runsTable(reading(held).runs));
      details.append(place);
    }, { once: true });
  }

  for (const button of document.querySelectorAll("[data-records]")) {
    button.addEventListener("click", () => {
      const held = [...document.querySelectorAll("script[data-record]")];
      const all = Object.fromEntries(held.map((one) => [one.id, reading(one)]));
      saveText(button.dataset.records, JSON.stringify(all, null, 1), "application/json");
    });
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const text = button.previousElementSibling;
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
  }

  /* Light and dark: as the system says, or as the reader does. */
  const toggle = document.querySelector(".theme");
  const label = () => (toggle.textContent = theme() === "dark" ? "Light" : "Dark");
  toggle.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    label();
    drawAll();
  });
  dark.addEventListener("change", () => { label(); drawAll(); });
  toggle.hidden = false;
  label();

  /* Where in the page is the reader? */
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -75% 0px" });
  for (const id of links.keys()) if (document.getElementById(id)) watcher.observe(document.getElementById(id));

  /* What is closed cannot be opened on paper. */
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) if (!("screen" in one.dataset)) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });

  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (innerWidth !== width) drawAll();
      width = innerWidth;
    }, 150);
  });
  drawAll();
})();
