/* Pictures: cells on a canvas, one pixel each and enlarged by the style sheet, and charts as SVG.

   Colours are the style sheet's: a canvas is painted anew when they change, and light for paper. */
(function () {
  "use strict";
  const { make } = minidrop;
  const NAMES = ["paper", "ink", "drop", "keep"];

  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

  /** The colours as they are now: {paper: [r, g, b], ...}. */
  function palette(element) {
    const style = getComputedStyle(element);
    return Object.fromEntries(NAMES.map((name) => [name,
      rgb(style.getPropertyValue(`--wd-${name}`).trim())]));
  }

  /** The colour at `share` of the way from a to b. */
  const mixed = (a, b, share) => a.map((x, i) => Math.round(x + (b[i] - x) * share));

  /** Paint rows x columns cells; colour(i) is [r, g, b], or null for a gap. */
  function cells(canvas, rows, columns, colour) {
    Object.assign(canvas, { width: columns, height: rows });
    const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const c = colour(i);
      if (c) image.data.set([c[0], c[1], c[2], 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
    canvas.parentElement.style.setProperty("--rows", rows);
    canvas.parentElement.style.setProperty("--columns", columns);
  }

  /** A canvas in a frame with a caption: {figure, canvas, caption, say(text)}. */
  function panel(label) {
    const canvas = make("canvas", { role: "img", "aria-label": label, width: 1, height: 1 });
    const caption = make("figcaption", {}, label);
    const figure = make("figure", { class: "wd-panel" }, make("div", { class: "wd-cells" }, canvas),
      caption);
    const say = (text, seen) => {
      caption.textContent = text;
      canvas.setAttribute("aria-label", seen || text);
    };
    return { figure, canvas, caption, say };
  }

  /** A place for a chart; draw(text of SVG for a width, what is seen). */
  function chart(height, caption = "") {
    const box = make("div", { class: "wd-chart" }), text = make("figcaption", {}, caption);
    const figure = make("figure", { class: "wd-figure" }, box, text);
    const draw = (inside, seen, tall = height) => {
      const width = Math.max(120, Math.round(box.clientWidth) || 480);
      const label = seen.replaceAll("&", "and").replaceAll('"', "'").replaceAll("<", "below ");
      box.innerHTML = `<svg role="img" aria-label="${label}" width="${width}" height="${tall}" `
        + `viewBox="0 0 ${width} ${tall}">${inside(width, tall)}</svg>`;
    };
    return { figure, box, draw, say: (words) => { text.textContent = words; } };
  }

  const f = (x) => Number(x.toFixed(2));
  const rect = (x, y, w, h, kind) =>
    `<rect x="${f(x)}" y="${f(y)}" width="${f(Math.max(w, 0))}" `
    + `height="${f(Math.max(h, 0))}" class="${kind}"/>`;
  const line = (x1, y1, x2, y2, kind) =>
    `<line x1="${f(x1)}" y1="${f(y1)}" x2="${f(x2)}" y2="${f(y2)}" class="${kind}"/>`;
  /** Many rectangles [x, y, width, height] as one shape, which is sooner drawn. */
  const rects = (all, kind) => `<path class="${kind}" d="${all.map(([x, y, w, h]) =>
    `M${f(x)} ${f(y)}h${f(w)}v${f(h)}h${f(-w)}z`).join("")}"/>`;
  const path = (points, kind) =>
    `<polyline points="${points.map(([x, y]) => `${f(x)},${f(y)}`).join(" ")}" class="${kind}"/>`;
  const dot = (x, y, r, kind) => `<circle cx="${f(x)}" cy="${f(y)}" r="${r}" class="${kind}"/>`;
  const label = (x, y, words, kind = "") =>
    `<text x="${f(x)}" y="${f(y)}" class="wd-label ${kind}">${words}</text>`;

  /** Call `again` when the theme changes, and around printing. */
  function whenColoursChange(again) {
    new MutationObserver(again).observe(document.body,
      { attributes: true, attributeFilter: ["data-md-color-scheme"] });
    const print = (now) => () => {
      document.querySelectorAll(".wd").forEach((root) => root.classList.toggle("wd-printed", now));
      again();
    };
    window.addEventListener("beforeprint", print(true));
    window.addEventListener("afterprint", print(false));
  }

  Object.assign(minidrop, { palette, mixed, cells, panel, chart, whenColoursChange,
    svg: { rect, rects, line, path, dot, label } });
})();
